"""The guided filter: smooths a map along the edges of a picture.

He, Sun and Tang 2013, "Guided Image Filtering", section 3.4: a guide in colour.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

NOISE = 0.01  # variance of the guide, of colours in 0..1, below which it counts as flat (epsilon)


def guided_filter(values: Tensor, guide: Tensor, picture: Tensor, window: int) -> Tensor:
    """`values`, 1 x C x H x W, at the size of the picture, with its edges: 1 x C x H' x W'.

    In each window they become an affine function of the colours. The functions are found at the size of `values` and
    evaluated at that of the picture (He and Sun 2015, "Fast Guided Filter").

    guide: the picture at the size of `values`, 1 x 3 x H x W in 0..1.
    picture: 1 x 3 x H' x W' in 0..1.
    window: its side in pixels of `values`, odd.
    """
    mean, level = local_mean(guide, window), local_mean(values, window)
    products = [local_mean(guide[:, i : i + 1] * guide, window) for i in range(3)]
    covariance = torch.stack([products[i] - mean[:, i : i + 1] * mean for i in range(3)], -1)[0].permute(1, 2, 0, 3)
    covariance = covariance + NOISE * torch.eye(3, dtype=guide.dtype, device=guide.device)
    joint = torch.stack(
        [local_mean(guide[:, i : i + 1] * values, window) - mean[:, i : i + 1] * level for i in range(3)], -1
    )[0].permute(1, 2, 3, 0)
    slopes = torch.linalg.solve(covariance, joint)  # H x W x 3 x C
    offsets = level[0].permute(1, 2, 0) - (mean[0].permute(1, 2, 0)[..., None] * slopes).sum(2)
    both = torch.cat([slopes.flatten(2), offsets], 2).permute(2, 0, 1)[None]
    both = F.interpolate(local_mean(both, window), picture.shape[2:], mode="bilinear", align_corners=False)
    slopes, offsets = both[:, : -values.shape[1]], both[:, -values.shape[1] :]
    return (slopes.unflatten(1, (3, -1)) * picture[:, :, None]).sum(1) + offsets


def local_mean(x: Tensor, window: int) -> Tensor:
    """Mean over a square window around each position, as far as it is inside; `window` is its side, odd."""
    for side in ((window, 1), (1, window)):
        x = F.avg_pool2d(x, side, 1, [s // 2 for s in side], count_include_pad=False)
    return x
