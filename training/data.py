"""What the network that paints in one pass learns from: photos, styles, and parts of both."""

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
from nst.one_pass_network.network import NetworkWeights, encode_style
from nst.one_pass_network.styles import preprocess
from nst.optimise.objective import balance
from nst.optimise.targets import fit_style, without_edge
from training.losses import Goals, Trunk, goals_of, stacked

SIZE = 512
"""Pixels: the longest side of a style, and about that of the paintings that are learned for."""

SIDE = 640
"""Pixels: the longest side of a photo that parts are cut from."""

BOLDER = 0.15
"""A draft is there to show the style: it is learned at more than the usual strength."""

VARIANTS = 4
"""Pictures that are made of each other style, itself the first."""

SHIFT = 16
"""Pixels, at most, from a part to its neighbour, in which the same should be painted the same."""

NOISE = 2 / 255
"""Deviation of what sets a neighbour apart besides."""

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Photos:
    """P of them, uint8, P x 3 x SIDE x SIDE, each in the top left corner; widths and heights."""

    pixels: Tensor
    sizes: list[tuple[int, int]]
    palettes: list[Moments]


@dataclass(frozen=True)
class TrainingStyle:
    """A picture as it is looked at, what the reader tells of it, and what paintings go down to.

    `weights` are those of content, style, total variation and matching.
    """

    name: str
    told: Tensor
    weights: tuple[float, float, float, float]
    palette: Moments
    goals: Goals


@dataclass(frozen=True)
class Styles:
    """S of them, one beside the other: told S x STYLE, weights S x 4."""

    told: Tensor
    weights: Tensor
    palettes: list[Moments]
    goals: Goals


@dataclass(frozen=True)
class Lesson:
    """Parts of B photos, B x 3 x H x W in 0..1, and as they are wanted, in the styles' palettes.

    `neighbours` are the same parts, moved by `shift` to the right and down, and with some noise.
    """

    photos: Tensor
    wanted: Tensor
    neighbours: Tensor
    shift: tuple[int, int]


def photos_in(folder: str, where: torch.device) -> Photos:
    """All of a folder's pictures."""
    with ThreadPoolExecutor() as pool:
        files = sorted(Path(folder).iterdir())
        found = list(pool.map(lambda file: fit(open_image(file), SIDE), files))
    pixels = torch.zeros(len(found), 3, SIDE, SIDE, dtype=torch.uint8)
    for place, photo in zip(pixels, found, strict=True):
        place[:, : photo.height, : photo.width] = torch.from_numpy(np.array(photo)).movedim(2, 0)
    palettes = [moments([(photo, 1.0)]) for photo in found]
    return Photos(pixels.to(where), [photo.size for photo in found], palettes)


def style_of(
    name: str,
    picture: Image.Image,
    own: Mapping[str, Any],
    known: NetworkWeights,
    trunk: Trunk,
    style_scale: float = 1.0,
) -> TrainingStyle:
    """A picture with its settings, `own` before the usual ones."""
    strength = min(1.0, own.get("strength", 0.5) + BOLDER)
    settings = Settings(**{**own, "strength": strength, "size": SIZE, "style_scale": style_scale})
    content, style, tv = balance(settings)
    with torch.no_grad():
        told = encode_style(preprocess(picture, style_scale).to(trunk.where), known)
    return TrainingStyle(
        name,
        told,
        (content, style, tv, style * settings.coherence),
        moments([(picture, 1.0)]),
        goals_of(fit_style(picture, SIZE * style_scale), trunk),
    )


def style_of_plate(plate: Style, known: NetworkWeights, trunk: Trunk) -> TrainingStyle:
    """One of the gallery's, at its own settings."""
    picture = without_edge(open_image(plate.path))
    return style_of(plate.name, picture, plate.settings, known, trunk)


def others_in(folder: str, known: NetworkWeights, trunk: Trunk) -> list[TrainingStyle]:
    """The pictures of a folder, and VARIANTS - 1 more of each."""

    def made_of(number: int) -> list[TrainingStyle]:
        picture, chance = open_image(files[number]), random.Random(number)
        made = []
        for variant in range(VARIANTS):
            scale = chance.choice((0.5, 0.75, 1.0, 1.25, 1.5, 2.0)) if variant else 1.0
            seen = varied(picture, chance) if variant else without_edge(picture)
            name = f"{files[number].stem}.{variant}"
            made.append(style_of(name, seen, {}, known, trunk, scale))
        return made

    files = sorted(Path(folder).iterdir())
    with ThreadPoolExecutor() as pool:
        return [style for made in pool.map(made_of, range(len(files))) for style in made]


def varied(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A part of a picture, perhaps in a mirror, perhaps with its colours exchanged."""
    width, height = (round(side * chance.uniform(0.6, 1)) for side in picture.size)
    left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
    part = picture.crop((left, top, left + width, top + height))
    if chance.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if chance.random() < 0.5:
        part = Image.merge("RGB", chance.sample(part.split(), 3))
    return part


def beside(styles: Sequence[TrainingStyle]) -> Styles:
    """All in one."""
    told = torch.cat([style.told for style in styles])
    weights = torch.tensor([style.weights for style in styles], device=told.device)
    palettes = [style.palette for style in styles]
    return Styles(told, weights, palettes, stacked([style.goals for style in styles]))


def lesson(chance: random.Random, size: int, photos: Photos, styles: Styles, chosen: list[int]) -> Lesson:
    """Parts of photos, `size` pixels square, one for each of the chosen styles."""
    where = photos.pixels.device
    taken = [chance.randrange(len(photos.sizes)) for _ in chosen]
    places = torch.tensor([_place(chance, size + SHIFT, photos.sizes[photo]) for photo in taken])
    grid = F.affine_grid(places.to(where), [len(taken), 3, size + SHIFT, size + SHIFT], align_corners=False)
    whole = photos.pixels[torch.tensor(taken, device=where)].float() / 255
    seen = F.grid_sample(whole, grid, align_corners=False)

    right, down = chance.randrange(SHIFT + 1), chance.randrange(SHIFT + 1)
    neighbours = seen[:, :, down : down + size, right : right + size]
    seed = torch.Generator(where).manual_seed(chance.randrange(2**31))
    grain = torch.randn(neighbours.shape, generator=seed, device=where)

    there = [photos.palettes[photo] for photo in taken]
    goals = [styles.palettes[style] for style in chosen]
    ends = (np.stack(parts) for side in (there, goals) for parts in zip(*side, strict=True))
    change, shift = (torch.from_numpy(x).float().to(where) for x in palette_map(*ends))
    part = seen[:, :, :size, :size]
    moved = torch.einsum("bchw,bcd->bdhw", part, change) + shift[:, :, None, None] / 255
    return Lesson(
        part.contiguous(memory_format=torch.channels_last),
        (part + moved).clamp(0, 1),
        (neighbours + NOISE * grain).contiguous(memory_format=torch.channels_last),
        (right, down),
    )


def _place(chance: random.Random, size: int, photo: tuple[int, int]) -> list[list[float]]:
    """The square of a photo that fills `size` pixels, as `affine_grid` needs it."""
    side = min(*photo, chance.randrange(size * 3 // 4, size * 7 // 4))
    left, top = (chance.randint(0, whole - side) for whole in photo)
    mirrored = chance.choice((-1, 1))
    across, down = ((2 * first + side) / SIDE - 1 for first in (left, top))
    return [[mirrored * side / SIDE, 0, across], [0, side / SIDE, down]]
