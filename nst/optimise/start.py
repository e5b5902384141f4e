"""What a scale starts from: the one before, the photo, noise or a style."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images.tensors import to_tensor
from nst.optimise.palette import toward_palette
from nst.optimise.regions import Region, region_mask
from nst.optimise.targets import fit_style, tiles
from nst.settings import Settings

LENT_UNTIL = 0.8
"""The strength from which on the photo lends no detail."""

WINDOW = 33
"""Pixels on a side of what is looked at to tell how much detail a place of the photo has."""

LEAST = 1e-6
"""Of detail, root mean square: less is none."""


def start_scale(
    target: Tensor, coarser: Tensor | None, regions: Sequence[Region], settings: Settings
) -> Tensor:
    """The picture a scale starts from, 1 x 3 x H x W in 0..1 like `target`, the photo at its size.

    `coarser` is the picture as the scale before left it, or a painting to go on from, of any size.
    """
    shape = target.shape[2:]
    if coarser is not None:
        if any(there > here for there, here in zip(coarser.shape[2:], shape, strict=True)):
            # A painting that is larger than what is asked for: it has all the detail there can be.
            smaller = F.interpolate(coarser, shape, mode="bicubic", antialias=True)
            return smaller.clamp(0, 1)
        coarser = toward_palette(coarser, regions, settings.strength)
        larger = F.interpolate(coarser, shape, mode="bicubic", align_corners=False)
        return (larger + _lent(target, coarser, regions, settings)).clamp(0, 1)
    if settings.init == "noise":
        random = torch.Generator().manual_seed(settings.seed)
        return torch.rand(target.shape, generator=random).to(target.device)
    if settings.init == "style":
        style, _ = regions[0].styles[0]
        resized = style.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        return to_tensor(resized).to(target.device)
    return target.clone()


def _lent(
    target: Tensor, coarser: Tensor, regions: Sequence[Region], settings: Settings
) -> Tensor | float:
    """What the coarse picture could not hold, from the photo, as far as that is to remain.

    The rest comes from the style. A photo's detail that is lent is not painted over altogether: at
    the middle strength no place is lent more of it than a style has on average, or windows and
    fabrics of the photo would stay in a style that is smoother.
    """
    by_strength = max(0.0, 1 - settings.strength / LENT_UNTIL)
    if not settings.from_photo or not max(by_strength, settings.detail):
        return 0.0
    small = coarser.shape[2:]
    lost = _lost(target, small)
    energy = lost.square().mean(1, keepdim=True)
    near = F.avg_pool2d(energy, WINDOW, 1, WINDOW // 2, count_include_pad=False).sqrt()
    kept = torch.ones_like(near)
    for region in regions:
        if region.styles:
            size, smaller = max(target.shape[2:]) * settings.style_scale, small[0] / target.shape[2]
            own = sum(share * _lost_energy(x, size, smaller) for x, share in region.styles)
            allowed = (1 - settings.strength) * math.sqrt(own) + LEAST
            too_much = 1 - (allowed / (settings.strength * near + LEAST)).clamp_max(1)
            mask = region_mask(region, target)
            kept -= too_much if mask is None else mask * too_much
    return lost * (by_strength * kept).clamp_min(settings.detail)


def _lost_energy(style: Image.Image, size: float, smaller: float) -> float:
    """The mean square of what a style at so many pixels loses when it is made smaller."""
    energy = 0.0
    for tile, part in tiles(to_tensor(fit_style(style, size))):
        small = [max(1, round(smaller * side)) for side in tile.shape[2:]]
        energy += part * float(_lost(tile, small).square().mean())
    return energy


def _lost(picture: Tensor, small: Sequence[int]) -> Tensor:
    """What of a picture, 1 x 3 x H x W, is lost at that smaller height and width."""
    there = F.interpolate(picture, list(small), mode="bilinear", antialias=True)
    back = F.interpolate(there, picture.shape[2:], mode="bicubic", align_corners=False)
    return picture - back
