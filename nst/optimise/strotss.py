"""STROTSS: Kolkin, Salavon and Shakhnarovich 2019, "Style Transfer by Relaxed Optimal Transport and Self-Similarity".

The picture's hypercolumns get the distribution of the style's, and keep the similarities between the photo's own
positions. Constants that the paper leaves open are those of the authors' program, github.com/nkolkin13/STROTSS.

A, B: hypercolumns of two pictures, M x N and K x N, a row for each position.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.vgg import Backbone
from nst.optimise.hypercolumns import random_grid, random_rows, sampled_rows, style_tensors
from nst.optimise.laplacian import finest_detail, resize
from nst.optimise.losses import gram, total_variation
from nst.optimise.objective import balance
from nst.optimise.scene import Scene, Terms
from nst.settings import Settings

POSITIONS = 1024  # sampled in each step, in the picture and in the style

POOL = 4 * POSITIONS  # positions of the styles from which each step samples, and whose moments it compares with

COARSEST = 64  # longest side, in pixels, at which the content has the weight of the settings

PYRAMID_LEVELS = 5

LAST_RATE = 0.5  # learning rate at the last scale, relative to the others


def strotss_start(scene: Scene) -> Tensor:
    """The start of a scale, 1 x 3 x H x W.

    It is the photo's finest detail, added to the styles' mean colour at the first scale and to the result of the scale
    before at the others. The last scale starts from that result alone.
    """
    if scene.coarser is None:
        tensors = style_tensors(scene.styles, scene.size, scene.settings.style_scale, scene.photo.device)
        mean = sum(share * style.mean((2, 3), keepdim=True) for style, share in tensors)
        return (mean + finest_detail(scene.photo)).clamp(0, 1)
    larger = resize(scene.coarser, scene.photo.shape[2:])
    return larger if scene.is_last else (larger + finest_detail(scene.photo)).clamp(0, 1)


def strotss_losses(scene: Scene) -> Terms:
    """The weighted losses at a scale; each evaluation samples other positions."""
    settings, backbone, photo = scene.settings, scene.backbone, scene.photo
    random = torch.Generator().manual_seed(settings.seed)
    layers, size = dict(settings.style_layers), photo.shape[2:]
    content_weight, remd_weight, palette_weight, tv_weight = term_weights(settings, scene.size)
    if settings.from_photo and not settings.strength:
        content_weight = 0.0  # the photo is the optimum; RMSprop would follow the rounding errors
    with torch.no_grad():
        style = _style_pool(scene, random)
        mean, covariance = moments(style)
        of_photo = backbone(photo, layers, settings.pooling)

    def losses(pixels: Tensor, _: int) -> dict[str, Tensor]:
        positions = random_grid(size, POSITIONS, random)
        own = hypercolumns(pixels, backbone(pixels, layers, settings.pooling), positions, layers, backbone)
        with torch.no_grad():
            target = hypercolumns(photo, of_photo, positions, layers, backbone)
        sample = random_rows(style, POSITIONS, random)
        remd = cosine_remd(own, sample) + moment_loss(own, mean, covariance)
        return {
            "content": content_weight * self_similarity_loss(own, target),
            "style": remd_weight * remd + palette_weight * colour_remd(own[:, :3], sample[:, :3]),
            "tv": tv_weight * total_variation(pixels),
        }

    return losses


def term_weights(settings: Settings, size: int) -> tuple[float, float, float, float]:
    """Weights of the content loss, of the earth mover's distance and the moments, of the colours, and of TV.

    Their sum is the paper's equation 1:

        (alpha l_C + l_m + l_r + l_p / alpha) / (2 + alpha + 1 / alpha)

    alpha is the ratio of content to style weight at COARSEST pixels, and half as much at twice the size. As in the
    authors' program, 1 / alpha is at most 1. It is 0 without a style.
    """
    content, style, tv = balance(settings)
    content *= COARSEST / size
    palette = style * min(1.0, style / content if content else 1.0)
    total = (content + 2 * style + palette) or 1.0
    return content / total, style / total, palette / total, tv


def hypercolumns(
    picture: Tensor, features: Mapping[str, Tensor], positions: Tensor, layers: Mapping[str, float], backbone: Backbone
) -> Tensor:
    """Hypercolumns at M positions: M x N. The first three numbers are the pixel's, -0.5..0.5.

    Features are those of a network whose input has a variance of 1, as in the source: the moments depend on it.
    """
    size = picture.shape[2:]
    columns = [sampled_rows(picture, positions, size) - 0.5]
    columns += [sampled_rows(features[k], positions, size) * (weight / backbone.gain) for k, weight in layers.items()]
    return torch.cat(columns, 1)


def cosine_remd(a: Tensor, b: Tensor) -> Tensor:
    """Relaxed earth mover's distance with the cosine distance: equations 3 to 6; M x N, K x N -> a scalar.

    The larger of the mean distance from each of A to its nearest in B, and of the reverse.
    """
    a, b = F.normalize(a, eps=1e-6), F.normalize(b, eps=1e-6)
    with torch.no_grad():
        similarity = a @ b.T
        in_b, in_a = similarity.max(1).indices, similarity.max(0).indices
    forward, backward = 1 - (a * b[in_b]).sum(1), 1 - (a.index_select(0, in_a) * b).sum(1)
    return torch.maximum(forward.mean(), backward.mean())


def colour_remd(a: Tensor, b: Tensor) -> Tensor:
    """Relaxed earth mover's distance with the Euclidean distance: M x 3, K x 3 -> a scalar.

    The paper first rotates RGB so that one axis is grey; Euclidean distances do not change by it.
    """
    with torch.no_grad():
        distance = torch.cdist(a, b)
        in_b, in_a = distance.min(1).indices, distance.min(0).indices
    return torch.maximum(_lengths(a - b[in_b]).mean(), _lengths(a.index_select(0, in_a) - b).mean())


def _lengths(rows: Tensor) -> Tensor:
    return rows.square().sum(1).clamp_min(1e-8).sqrt()  # the gradient of a root is infinite at 0


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the rows, M x N -> N and N x N."""
    mean = rows.mean(0)
    return mean, gram((rows - mean).T[None, :, :, None])


def moment_loss(rows: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Mean absolute differences of mean and covariance, added: equation 7; M x N, N and N x N -> a scalar."""
    own_mean, own_covariance = moments(rows)
    return (own_mean - mean).abs().mean() + (own_covariance - covariance).abs().mean()


def self_similarity_loss(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of the normalised cosine distances within A and within B: equation 8; both M x N.

    Each column of a matrix of distances is divided by its sum. As in the authors' program, the mean is over columns
    only: over all M^2 numbers, as the paper writes it, the loss would be M times smaller and without effect.
    """
    return (_normalised_distances(a) - _normalised_distances(b)).abs().sum(0).mean()


def _normalised_distances(rows: Tensor) -> Tensor:
    unit = F.normalize(rows, eps=1e-6)
    distance = 1 - rows.shape[1] * gram(unit[None, :, :, None])  # its gradient takes one product, not two
    return distance / distance.sum(0).clamp_min(1e-6)


def _style_pool(scene: Scene, random: torch.Generator) -> Tensor:
    """Hypercolumns of POOL random positions of the styles, in proportion to their shares."""
    settings, layers = scene.settings, dict(scene.settings.style_layers)
    pool = []
    for style, share in style_tensors(scene.styles, scene.size, settings.style_scale, scene.photo.device):
        scene.check_cancelled()
        positions = random_grid(style.shape[2:], max(1, round(share * POOL)), random)
        features = scene.backbone(style, layers, settings.pooling)
        pool.append(hypercolumns(style, features, positions, layers, scene.backbone))
    return torch.cat(pool)
