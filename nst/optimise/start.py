"""The picture that a scale starts from: the coarser scale's result, the photo, noise or a style."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images.tensors import to_tensor
from nst.optimise.guided_filter import local_mean
from nst.optimise.palette import toward_palette
from nst.optimise.regions import Region, region_mask
from nst.optimise.targets import STYLE_TILE, CheckCancelled, fit_style, never_cancelled
from nst.optimise.tiling import tiles
from nst.settings import Settings

NO_DETAIL_STRENGTH = 0.8  # strength from which on the photo's detail is not added
DETAIL_WINDOW = 33  # side, in pixels, of the window over which the photo's local detail is measured
MIN_DETAIL = 1e-6  # root mean square of detail that counts as none


def start_scale(
    photo: Tensor,
    coarser: Tensor | None,
    regions: Sequence[Region],
    settings: Settings,
    check_cancelled: CheckCancelled = never_cancelled,
) -> Tensor:
    """The picture that a scale starts from, 1 x 3 x H x W in 0..1.

    `photo` has that shape. `coarser` is the result of the scale before, or a painting to continue,
    of any size; None at the first scale, where `settings.init` decides. `check_cancelled` is called
    between parts of a style.
    """
    shape = photo.shape[2:]
    if coarser is not None:
        if any(side > size for side, size in zip(coarser.shape[2:], shape, strict=True)):
            # A painting larger than this scale already has all the detail that fits.
            smaller = F.interpolate(coarser, shape, mode="bicubic", antialias=True)
            return smaller.clamp(0, 1)
        coarser = toward_palette(coarser, regions, settings.strength)
        larger = F.interpolate(coarser, shape, mode="bicubic", align_corners=False)
        return (larger + _photo_detail(photo, coarser, regions, settings, check_cancelled)).clamp(0, 1)
    if settings.init == "noise":
        random = torch.Generator().manual_seed(settings.seed)
        return torch.rand(photo.shape, generator=random, dtype=torch.float32).to(photo.device)
    if settings.init == "style":
        style, _ = regions[0].styles[0]
        resized = style.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        return to_tensor(resized).to(photo.device)
    return photo.clone()


def _photo_detail(
    photo: Tensor, coarser: Tensor, regions: Sequence[Region], settings: Settings, check_cancelled: CheckCancelled
) -> Tensor | float:
    """High-frequency detail of the photo, added after upscaling; 1 x 3 x H x W, or 0.0.

    The optimiser does not paint over it entirely. So at strength 0.5 no part of the photo gets more detail than a
    style has on average; otherwise windows and fabrics would survive in a smooth style.
    """
    by_strength = max(0.0, 1 - settings.strength / NO_DETAIL_STRENGTH)
    if not settings.from_photo or not max(by_strength, settings.detail):
        return 0.0
    small = coarser.shape[2:]
    detail = _high_frequencies(photo, small)
    energy = detail.square().mean(1, keepdim=True)
    local = local_mean(energy, DETAIL_WINDOW).sqrt()
    kept = torch.ones_like(local)
    for region in regions:
        if region.styles:
            size, ratio = max(photo.shape[2:]), small[0] / photo.shape[2]
            of_style = sum(
                share * _detail_energy(fit_style(style, size, settings.style_scale), ratio, check_cancelled)
                for style, share in region.styles
            )
            allowed = (1 - settings.strength) * math.sqrt(of_style) + MIN_DETAIL
            excess = 1 - (allowed / (settings.strength * local + MIN_DETAIL)).clamp_max(1)
            mask = region_mask(region, photo)
            kept -= excess if mask is None else mask * excess
    return detail * (by_strength * kept).clamp_min(settings.detail)


def _detail_energy(style: Image.Image, ratio: float, check_cancelled: CheckCancelled) -> float:
    """Mean square of a style's detail: what is lost when it shrinks by `ratio`."""
    picture, energy = to_tensor(style), 0.0
    for tile in tiles((style.height, style.width), STYLE_TILE):
        check_cancelled()
        part = tile.crop(picture)
        small = [max(1, round(ratio * side)) for side in part.shape[2:]]
        energy += float(_high_frequencies(part, small).square().sum())
    return energy / picture.numel()


def _high_frequencies(picture: Tensor, small: Sequence[int]) -> Tensor:
    """A picture, 1 x 3 x H x W, minus itself scaled down to a height and width and up again."""
    reduced = F.interpolate(picture, list(small), mode="bilinear", antialias=True)
    restored = F.interpolate(reduced, picture.shape[2:], mode="bicubic", align_corners=False)
    return picture - restored
