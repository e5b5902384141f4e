"""CNNMRF: Li and Wand 2016, "Combining Markov Random Fields and Convolutional Neural Networks for Image Synthesis".

Each patch of 3 x 3 features approaches the most similar patch of the style. Constants that the paper leaves open are
those of the authors' program, github.com/chuanli11/CNNMRF.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.optimise.hypercolumns import nearest, random_rows, style_tensors
from nst.optimise.laplacian import resize
from nst.optimise.losses import (
    CONTENT_FACTORS,
    add_rows,
    energies,
    exact,
    position_rows,
    total_variation,
    weighted_error,
)
from nst.optimise.objective import balance
from nst.optimise.scene import Scene, Terms
from nst.optimise.targets import CheckCancelled, content_layers, never_cancelled
from nst.settings import Settings

PATCH, STRIDE = 3, 2  # side of a patch and distance of two patches, in positions of a layer

MAX_PATCHES = 8192  # of the styles in each layer; a style of 512 pixels has half as many at most

SEARCH_INTERVAL = 10
"""Evaluations between two searches for the nearest patches. The source searches before each; L-BFGS learns nothing
from gradients of different losses."""

TV_WEIGHT = 1e-3 / balance(Settings())[2]
"""Factor of the total variation's weight: at the default smoothness it is that of the source."""


def cnnmrf_start(scene: Scene) -> Tensor:
    """The start of a scale, 1 x 3 x H x W: the photo, then the enlarged result of the scale before."""
    return scene.photo.clone() if scene.coarser is None else resize(scene.coarser, scene.photo.shape[2:])


def cnnmrf_losses(scene: Scene) -> Terms:
    """The weighted losses at a scale: the paper, equation 1."""
    settings, backbone = scene.settings, scene.backbone
    content_weight, style_weight, tv_weight = balance(settings)
    style_layers, compared = dict(settings.style_layers), content_layers(settings)
    factor = CONTENT_FACTORS[settings.content_loss]
    with torch.no_grad():
        pools = _style_patches(scene)
        of_photo = backbone(scene.photo, compared, settings.pooling)
    factors = {k: factor(energies(x), x.shape[1], backbone.scale, 0.0) for k, x in of_photo.items()}
    targets: dict[str, tuple[Tensor, Tensor]] = {}

    def losses(pixels: Tensor, evaluation: int) -> dict[str, Tensor]:
        content = style = pixels.new_zeros(())
        for k, features in backbone.walk(pixels, {*style_layers, *compared}, settings.pooling):
            if k in compared:
                content = content + compared[k] * weighted_error(features, of_photo[k], factors[k])
            if k in style_layers:
                if searches_at(evaluation):
                    targets[k] = patch_target(features.detach(), pools[k], scene.check_cancelled)
                style = style + style_layers[k] / backbone.scale**2 * mrf_loss(features, *targets[k])
        variation = (255**2 * pixels.numel() / 2) * total_variation(pixels)
        return {
            "content": content_weight * content,
            "style": style_weight * style,
            "tv": TV_WEIGHT * tv_weight * variation,
        }

    return losses


def searches_at(evaluation: int) -> bool:
    """Whether an evaluation, counted from 0, searches for the nearest patches."""
    return evaluation % SEARCH_INTERVAL == 0


def patch_positions(height: int, width: int) -> Tensor:
    """The positions of all patches of a layer: P x 9, as numbers of rows of `position_rows`.

    The last patch of a row or column ends at the edge. A layer of fewer than three positions repeats its last.
    """
    starts = []
    for length in (height, width):
        last = max(0, length - PATCH)
        starts.append(torch.tensor(sorted({*range(0, last + 1, STRIDE), last})))
    inside = torch.arange(PATCH)
    rows = (starts[0][:, None] + inside).clamp_max(height - 1)
    columns = (starts[1][:, None] + inside).clamp_max(width - 1)
    return (rows[:, None, :, None] * width + columns[None, :, None, :]).reshape(-1, PATCH**2)


def patches(features: Tensor) -> Tensor:
    """All patches of a layer, 1 x N x H x W -> P x 9N."""
    positions = patch_positions(*features.shape[2:]).to(features.device)
    return exact(position_rows(features)[positions]).flatten(1)


def patch_target(
    features: Tensor, pool: Tensor, check_cancelled: CheckCancelled = never_cancelled
) -> tuple[Tensor, Tensor]:
    """The target of `mrf_loss`, for features 1 x N x H x W and the styles' patches, K x 9N.

    The nearest patch has the highest normalised cross-correlation: equation 3. Each position is in one patch, in two
    or in four. Returns the mean of its matches, M x N, and the sum over all positions of their variance, a scalar.
    """
    positions = patch_positions(*features.shape[2:]).to(features.device)
    matches = pool[nearest(F.normalize(patches(features)), F.normalize(pool), check_cancelled)]
    channels, count = features.shape[1], features.shape[2] * features.shape[3]
    matches = matches.view(-1, channels)
    index = positions.flatten()
    number = add_rows(matches.new_zeros(count), index, matches.new_ones(len(matches)))
    mean = add_rows(matches.new_zeros(count, channels), index, matches) / number[:, None]
    squares = add_rows(matches.new_zeros(count), index, matches.square().sum(1)) / number
    return mean, (squares - mean.square().sum(1)).clamp_min(0).sum()


def mrf_loss(features: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Half the squared distance of all patches to their matches, with `patch_target`; 1 x N x H x W -> a scalar.

    Equation 2, but a position that belongs to n patches counts once and not n times, as in the authors' program. The
    mean over patches of (F - T)^2 is (F - mean)^2 plus the variance of T.
    """
    return ((exact(position_rows(features)) - mean).square().sum() + variance) / 2


def _style_patches(scene: Scene) -> dict[str, Tensor]:
    """A random sample of the styles' patches by layer, K x 9N, in proportion to their shares."""
    settings, layers = scene.settings, dict(scene.settings.style_layers)
    random = torch.Generator().manual_seed(settings.seed)
    pools: dict[str, list[Tensor]] = {k: [] for k in layers}
    for style, share in style_tensors(scene.styles, scene.size, settings.style_scale, scene.photo.device):
        for k, features in scene.backbone.walk(style, layers, settings.pooling):
            scene.check_cancelled()
            pools[k].append(random_rows(patches(features), max(1, round(share * MAX_PATCHES)), random))
    return {k: torch.cat(rows) for k, rows in pools.items()}
