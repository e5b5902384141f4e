"""NNST: Kolkin et al. 2022, "Neural Neighbor Style Transfer", the variant that optimises pixels (NNST-Opt).

Each hypercolumn of the picture approaches the style's nearest to the photo's hypercolumn at that place. The last pass
matches each layer for itself ("feature splitting"). No loss compares with the photo. Constants that the paper leaves
open are those of the authors' program, github.com/nkolkin13/NeuralNeighborStyleTransfer.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.colour import in_palette, lightness, with_colours_of
from nst.images.tensors import to_image, to_tensor
from nst.network.vgg import Backbone
from nst.optimise.hypercolumns import centred_unit_rows, nearest, random_grid, random_rows, sampled_rows, style_tensors
from nst.optimise.laplacian import finest_detail, resize
from nst.optimise.losses import exact, position_rows, total_variation
from nst.optimise.objective import balance
from nst.optimise.regions import Styles
from nst.optimise.scene import Loss, Scene, Terms
from nst.settings import Settings

STRIDE = 4  # pixels between two hypercolumns

MAX_COLUMNS = 8192
"""Hypercolumns of the styles, at most, the rotated copies included. The source has eight times as many at 512 pixels:
the search would take minutes on a processor."""

SPLIT_POSITIONS, SPLIT_COLUMNS = 1024, 4096
"""Positions of the picture, other ones in each step, and of the styles, that are matched layer by layer in the last
pass. The source takes 4096 and 16 384, for which a processor would need minutes."""

PYRAMID_LEVELS = 8

FILTER_STEPS, FILTER_SHARPNESS = 5, 10.0  # of `joint_filter`


def nnst_start(scene: Scene) -> Tensor:
    """The start of a scale, 1 x 3 x H x W: the photo, then the enlarged result of the scale before."""
    return scene.photo.clone() if scene.coarser is None else resize(scene.coarser, scene.photo.shape[2:])


def nnst_losses(scene: Scene) -> Terms:
    """The weighted losses at a scale. The last scale is the second pass over the final size, with split features."""
    _, style_weight, tv_weight = balance(scene.settings)
    compare = split_loss(scene) if scene.is_last else column_loss(scene)
    weight = 1.0 if style_weight else 0.0  # Adam's steps do not depend on it

    def losses(pixels: Tensor, _: int) -> dict[str, Tensor]:
        return {
            "content": pixels.new_zeros(()),
            "style": weight * compare(pixels),
            "tv": tv_weight * total_variation(pixels),
        }

    return losses


def column_loss(scene: Scene) -> Loss:
    """Mean cosine distance of the hypercolumns to those of the style that were matched before the first step."""
    backbone, pooling, layers = scene.backbone, scene.settings.pooling, dict(scene.settings.style_layers)
    with torch.no_grad():
        query = torch.cat([*columns(query_picture(scene), layers, backbone, pooling)], 1)
        pool = _style_columns(scene)
        target = F.normalize(pool[nearest(centred_unit_rows(query), centred_unit_rows(pool), scene.check_cancelled)])
        del query, pool

    def loss(pixels: Tensor) -> Tensor:
        return cosine_loss(columns(pixels, layers, backbone, pooling), target)

    return loss


def cosine_loss(parts: Iterator[Tensor], target: Tensor) -> Tensor:
    """Mean of 1 - cos of M hypercolumns, in parts M x N_l, and a target of unit length, M x N -> a scalar."""
    products: Tensor | float = 0.0
    squares: Tensor | float = 0.0
    begin = 0
    for part in parts:
        end = begin + part.shape[1]
        products = products + (part * target[:, begin:end]).sum(1)
        squares = squares + part.square().sum(1)
        begin = end
    assert isinstance(squares, Tensor)
    return 1 - (products / squares.clamp_min(1e-12).sqrt()).mean()


def columns(pixels: Tensor, layers: Mapping[str, float], backbone: Backbone, pooling: str) -> Iterator[Tensor]:
    """Hypercolumns on a grid of STRIDE pixels, layer by layer: M x N_l.

    Features are divided by the number of channels, so that layers of many channels do not outweigh the others, and
    interpolated bilinearly.
    """
    size = [max(1, side // STRIDE) for side in pixels.shape[2:]]
    for k, features in backbone.walk(pixels, layers, pooling):
        factor = layers[k] / features.shape[1] / backbone.gain
        yield position_rows(resize(exact(features), size)) * factor


def query_picture(scene: Scene) -> Tensor:
    """The picture whose hypercolumns are matched: 1 x 3 x H x W.

    A mixture of the photo, 3/4 at strength 0.5, and the result so far with the photo's finest detail; at the first
    scale the photo alone.
    """
    if scene.coarser is None:
        return scene.photo
    content, style, _ = balance(scene.settings)
    painted = resize(scene.coarser, scene.photo.shape[2:]) + finest_detail(scene.photo)
    return torch.lerp(painted, scene.photo, content / ((content + style) or 1.0))


def split_loss(scene: Scene) -> Loss:
    """Mean zero-centred cosine distance of each layer's features to their nearest in the style, at sampled positions.

    It is the mean over layers; the source adds them up, which makes no difference to Adam.
    """
    settings, backbone = scene.settings, scene.backbone
    layers, random = dict(settings.style_layers), torch.Generator().manual_seed(settings.seed)
    with torch.no_grad():
        pools = _style_features(scene, random)

    def loss(pixels: Tensor) -> Tensor:
        total = pixels.new_zeros(())
        for k, features in backbone.walk(pixels, layers, settings.pooling):
            size = features.shape[2:]
            own = centred_unit_rows(sampled_rows(features, random_grid(size, SPLIT_POSITIONS, random), size))
            total = total + layers[k] * (1 - (own * pools[k][nearest(own, pools[k])]).sum(1)).mean()
        return total / sum(layers.values())

    return loss


def rotations(picture: Tensor) -> list[Tensor]:
    """A picture, 1 x 3 x H x W, turned by 0, 90, 180 and 270 degrees."""
    return [picture.rot90(turns, (2, 3)) for turns in range(4)]


def _turned_styles(scene: Scene) -> Iterator[tuple[Tensor, float]]:
    """All styles, turned four ways, with their shares, which add up to 1."""
    tensors = style_tensors(scene.styles, scene.size, scene.settings.style_scale, scene.photo.device)
    for style, share in tensors:
        for turned in rotations(style):
            scene.check_cancelled()
            yield turned.contiguous(), share / 4


def _style_columns(scene: Scene) -> Tensor:
    """Hypercolumns of the styles: K x N, at most MAX_COLUMNS, in proportion to their shares."""
    settings, layers = scene.settings, dict(scene.settings.style_layers)
    random = torch.Generator().manual_seed(settings.seed)
    pool = []
    for style, share in _turned_styles(scene):
        count, kept = max(1, round(share * MAX_COLUMNS)), None
        parts = []
        for rows in columns(style, layers, scene.backbone, settings.pooling):
            scene.check_cancelled()
            kept = random_rows(torch.arange(len(rows)), count, random) if kept is None else kept
            parts.append(rows[kept.to(rows.device)])
        pool.append(torch.cat(parts, 1))
    return torch.cat(pool)


def _style_features(scene: Scene, random: torch.Generator) -> dict[str, Tensor]:
    """Directions of the styles' features by layer: K x N, at most SPLIT_COLUMNS, in proportion to their shares."""
    settings, layers = scene.settings, dict(scene.settings.style_layers)
    pools: dict[str, list[Tensor]] = {k: [] for k in layers}
    for style, share in _turned_styles(scene):
        for k, features in scene.backbone.walk(style, layers, settings.pooling):
            scene.check_cancelled()
            pools[k].append(exact(random_rows(position_rows(features), max(1, round(share * SPLIT_COLUMNS)), random)))
    return {k: centred_unit_rows(torch.cat(rows)) for k, rows in pools.items()}


def hue_matcher(photo: Image.Image, styles: Styles, settings: Settings) -> Callable[[Image.Image], Image.Image]:
    """`match_hues` with the photo in the styles' palette, which is computed once."""
    recoloured = Image.blend(photo, in_palette(photo, styles), min(1.0, 2 * settings.strength))
    return partial(match_hues, recoloured)


def match_hues(recoloured: Image.Image, image: Image.Image) -> Image.Image:
    """The painting with the hues of a photo in the styles' palette; all RGB.

    The lightness remains. The hues are a and b (CIELAB) of the photo, whose colours a linear map gives the mean and
    covariance of the styles'. They follow the painting's edges. Otherwise colours would shift within an object.
    """
    if recoloured.size != image.size:
        recoloured = recoloured.resize(image.size, Image.Resampling.BICUBIC)
    guide = to_tensor(lightness(image).convert("RGB"))[:, :1]
    return with_colours_of(to_image(joint_filter(to_tensor(recoloured), guide)), image)


def joint_filter(picture: Tensor, guide: Tensor) -> Tensor:
    """A joint bilateral filter (Petschnigg et al. 2004): smooths a picture except across the guide's edges.

    Picture: 1 x 3 x H x W, guide: 1 x 1 x H x W, both 0..1. The mean over 3 x 3 neighbours, weighted by their
    difference in the guide, is taken FILTER_STEPS times.
    """
    height, width = picture.shape[2:]
    shifts = [(down, across) for down in range(3) for across in range(3)]
    weights = []
    around = F.pad(guide, (1, 1, 1, 1), mode="replicate")
    for down, across in shifts:
        neighbour = around[..., down : down + height, across : across + width]
        weights.append((-FILTER_SHARPNESS * (neighbour - guide).abs()).exp())
    total = torch.stack(weights).sum(0)
    for _ in range(FILTER_STEPS):
        around = F.pad(picture, (1, 1, 1, 1), mode="replicate")
        parts = (
            weight * around[..., down : down + height, across : across + width]
            for weight, (down, across) in zip(weights, shifts, strict=True)
        )
        mean = torch.zeros_like(picture)
        for part in parts:
            mean += part
        picture = mean / total
    return picture
