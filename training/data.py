"""Training data of the one-pass network: photos, styles, and batches of crops."""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nst import Settings
from nst.colour import moments, palette_map
from nst.gallery import Style
from nst.images import fit, open_image
from nst.one_pass_network.network import Weights, encode_style
from nst.one_pass_network.styles import preprocess
from nst.optimise.objective import balance
from nst.optimise.targets import fit_style, without_edge
from training.losses import BatchBackbone, Targets, stack_targets, style_targets

SIZE = 512
"""Pixels: the longest side of a style, and roughly that of the paintings to train for."""

PHOTO_SIZE = 640
"""Pixels: the longest side of a photo that crops are taken from."""

STRENGTH_OFFSET = 0.15
"""Added to a style's strength: a preview should show the style clearly."""

VARIANTS = 4
"""Pictures made of each style that is not built in; the first is the style itself."""

MAX_SHIFT = 16
"""Pixels from a crop to its shifted copy, in which the same objects should be painted the same."""

NOISE = 2 / 255
"""Standard deviation of the noise added to the shifted copy."""

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Photos:
    """P photos, uint8, P x 3 x PHOTO_SIZE x PHOTO_SIZE, each in the top left corner.

    sizes: width and height of each.
    """

    pixels: Tensor
    sizes: list[tuple[int, int]]
    palettes: list[Moments]


@dataclass(frozen=True)
class TrainingStyle:
    """A style with its embedding, 1 x EMBEDDING_SIZE, and the targets of its paintings.

    weights: of content, style, total variation and matching.
    """

    name: str
    embedding: Tensor
    weights: tuple[float, float, float, float]
    palette: Moments
    targets: Targets


@dataclass(frozen=True)
class Styles:
    """S styles: embeddings S x EMBEDDING_SIZE, weights S x 4."""

    embeddings: Tensor
    weights: Tensor
    palettes: list[Moments]
    targets: Targets


@dataclass(frozen=True)
class Batch:
    """Crops of B photos, B x 3 x H x W in 0..1.

    recoloured: the crops in the palettes of their styles, for the content loss.
    shifted: the crops moved by `shift` pixels to the right and down, with noise.
    """

    photos: Tensor
    recoloured: Tensor
    shifted: Tensor
    shift: tuple[int, int]


def read_photos(folder: str, device: torch.device) -> Photos:
    """All pictures of a folder."""
    with ThreadPoolExecutor() as pool:
        files = sorted(Path(folder).iterdir())
        photos = list(pool.map(lambda file: fit(open_image(file), PHOTO_SIZE), files))
    pixels = torch.zeros(len(photos), 3, PHOTO_SIZE, PHOTO_SIZE, dtype=torch.uint8)
    for out, photo in zip(pixels, photos, strict=True):
        out[:, : photo.height, : photo.width] = torch.from_numpy(np.array(photo)).movedim(2, 0)
    palettes = [moments([(photo, 1.0)]) for photo in photos]
    return Photos(pixels.to(device), [photo.size for photo in photos], palettes)


def training_style(
    name: str,
    image: Image.Image,
    own: Mapping[str, Any],
    weights: Weights,
    backbone: BatchBackbone,
    style_scale: float = 1.0,
) -> TrainingStyle:
    """A style with its own settings, `own`, on top of the defaults."""
    strength = min(1.0, own.get("strength", 0.5) + STRENGTH_OFFSET)
    settings = Settings(**{**own, "strength": strength, "size": SIZE, "style_scale": style_scale})
    content, style, tv = balance(settings)
    with torch.no_grad():
        embedding = encode_style(preprocess(image, style_scale).to(backbone.device), weights)
    return TrainingStyle(
        name=name,
        embedding=embedding,
        weights=(content, style, tv, style * settings.coherence),
        palette=moments([(image, 1.0)]),
        targets=style_targets(fit_style(image, SIZE, style_scale), backbone),
    )


def built_in_style(style: Style, weights: Weights, backbone: BatchBackbone) -> TrainingStyle:
    """A built-in style with its own settings."""
    image = without_edge(open_image(style.path))
    return training_style(style.name, image, style.settings, weights, backbone)


def read_styles(folder: str, weights: Weights, backbone: BatchBackbone) -> list[TrainingStyle]:
    """The pictures of a folder as styles, and VARIANTS - 1 augmented versions of each."""

    def variants(number: int) -> list[TrainingStyle]:
        image, rng = open_image(files[number]), random.Random(number)
        styles = []
        for variant in range(VARIANTS):
            scale = rng.choice((0.5, 0.75, 1.0, 1.25, 1.5, 2.0)) if variant else 1.0
            version = augment(image, rng) if variant else without_edge(image)
            name = f"{files[number].stem}.{variant}"
            styles.append(training_style(name, version, {}, weights, backbone, scale))
        return styles

    files = sorted(Path(folder).iterdir())
    with ThreadPoolExecutor() as pool:
        return [style for styles in pool.map(variants, range(len(files))) for style in styles]


def augment(image: Image.Image, rng: random.Random) -> Image.Image:
    """A random crop, sometimes mirrored, sometimes with permuted colour channels."""
    width, height = (round(side * rng.uniform(0.6, 1)) for side in image.size)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    crop = image.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.5:
        crop = Image.merge("RGB", rng.sample(crop.split(), 3))
    return crop


def stack_styles(styles: Sequence[TrainingStyle]) -> Styles:
    """Several styles as one object."""
    embeddings = torch.cat([style.embedding for style in styles])
    weights = torch.tensor([style.weights for style in styles], device=embeddings.device)
    palettes = [style.palette for style in styles]
    return Styles(embeddings, weights, palettes, stack_targets([style.targets for style in styles]))


def make_batch(rng: random.Random, size: int, photos: Photos, styles: Styles, chosen: list[int]) -> Batch:
    """Square crops of photos, `size` pixels wide, one for each of the chosen styles."""
    device = photos.pixels.device
    picks = [rng.randrange(len(photos.sizes)) for _ in chosen]
    crops = torch.tensor([_random_crop(rng, size + MAX_SHIFT, photos.sizes[i]) for i in picks])
    grid = F.affine_grid(crops.to(device), [len(picks), 3, size + MAX_SHIFT, size + MAX_SHIFT], align_corners=False)
    pixels = photos.pixels[torch.tensor(picks, device=device)].float() / 255
    larger = F.grid_sample(pixels, grid, align_corners=False)

    right, down = rng.randrange(MAX_SHIFT + 1), rng.randrange(MAX_SHIFT + 1)
    shifted = larger[:, :, down : down + size, right : right + size]
    generator = torch.Generator(device).manual_seed(rng.randrange(2**31))
    noise = torch.randn(shifted.shape, generator=generator, device=device)

    from_palettes = [photos.palettes[i] for i in picks]
    to_palettes = [styles.palettes[style] for style in chosen]
    ends = (np.stack(parts) for palettes in (from_palettes, to_palettes) for parts in zip(*palettes, strict=True))
    matrix, offset = (torch.from_numpy(x).float().to(device) for x in palette_map(*ends))
    crop = larger[:, :, :size, :size]
    change = torch.einsum("bchw,bcd->bdhw", crop, matrix) + offset[:, :, None, None] / 255
    return Batch(
        photos=crop.contiguous(memory_format=torch.channels_last),
        recoloured=(crop + change).clamp(0, 1),
        shifted=(shifted + NOISE * noise).contiguous(memory_format=torch.channels_last),
        shift=(right, down),
    )


def _random_crop(rng: random.Random, size: int, photo: tuple[int, int]) -> list[list[float]]:
    """The matrix for `affine_grid` of a random square of a photo, resized to `size` pixels."""
    side = min(*photo, rng.randrange(size * 3 // 4, size * 7 // 4))
    left, top = (rng.randint(0, whole - side) for whole in photo)
    mirror = rng.choice((-1, 1))
    x, y = ((2 * first + side) / PHOTO_SIZE - 1 for first in (left, top))
    return [[mirror * side / PHOTO_SIZE, 0, x], [0, side / PHOTO_SIZE, y]]
