"""A Sunday by the river in dots of pure colour, after Georges Seurat and Paul Signac."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from .core.canvas import Canvas
from .core.colour import colours, jitter, lab_to_rgb, mix, ramp, rgb_to_lab
from .core.fields import at, grid, noise, scatter
from .core.shapes import below, curve, ellipse, mask

Fill = Callable[[np.ndarray, np.ndarray], None]  # (outline, colour)
MAP = 512  # the side of the map that plans the picture
SKY = colours("6fa8dc 9cc6e8 cfe0ea f6e3c4 f7c9a0")
WATER = colours("7fb0cc e8d4b4 6fb0d8 3a86c4 2f74b8 5aa6c8 2a5fa8")
FAR = colours("5f9a8a 3f7f6a 79b06a 4a6fa0")
GRASS = colours("ecdc6a c4d24c 8fbf45 62a53c 4f9a55")
SHADE = colours("2f8a4a 2a6a6a 2a4a8a 3f3f8f")
LEAVES = colours("1f4a5a 2a6a3f 4f9a3a 9cc23f e8d84f")
BARK = colours("3a2a6a 6a3a4a a8563a")
WHITE = colours("f8efe0 f4c8d0 e8e4f4")
SAILS = [(0.50, 0.43, 0.17), (0.58, 0.385, 0.09), (0.32, 0.39, 0.10), (0.80, 0.45, 0.2)]
PEOPLE = [  # x, foot, height, dress, parasol
    (0.30, 0.93, 0.36, "a82a5a", "e8452f"), (0.43, 0.86, 0.25, "d8583a", "f4b83a"),
    (0.60, 0.74, 0.14, "6a2f7a", "f4efe0"), (0.90, 0.80, 0.20, "f0d8c0", "d83a6a"),
    (0.72, 0.70, 0.10, "2a4a9a", "f08a3a"), (0.12, 0.72, 0.12, "c83a4a", "5a8ad8"),
]  # fmt: skip


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    picture = _plan(rng)
    canvas = Canvas(size, colours("efe2c8")[0], rng)
    for spacing, radius in ((0.0105, 0.0072), (0.0066, 0.0040), (0.0066, 0.0031)):
        spots = scatter(spacing, rng)
        canvas.dots(spots, _divide(at(picture, spots), rng), radius, rng, thick=0.45)
    return canvas.finish(relief=0.45)


def _divide(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Split colours (N, 3) the divisionist way: purer, with sun in lights, complements in darks."""
    lab = rgb_to_lab(jitter(rgb, rng, 0.035, 0.018))
    chance = rng.random(len(lab))
    light = lab[:, 0]
    lab[:, 1:] *= 1.25
    opposite = chance < np.where(light < 0.6, 0.20, 0.10)
    lab[opposite, 1:] *= -0.9
    lab[opposite, 0] += 0.05
    glow = (chance > 0.86) & (light > 0.6)
    lab[glow, 1:] = [0.06, 0.12]
    cool = (chance > 0.80) & (light <= 0.6)
    lab[cool, 1:] = [0.03, -0.15]
    return lab_to_rgb(lab)


def _plan(rng: np.random.Generator) -> np.ndarray:
    """The picture (MAP, MAP, 3) that the dots divide."""
    x, y = grid(MAP)
    rough, fine = noise(MAP, 5, rng, 5), noise(MAP, 26, rng, 3)

    picture = rgb_to_lab(ramp(SKY, np.clip(2.6 * y + 0.22 * rough, 0, 1)))

    def fill(outline: np.ndarray, colour: np.ndarray) -> None:
        nonlocal picture  # in OKLab until it is done
        picture += mask(outline, MAP)[..., None] * (rgb_to_lab(colour) - picture)

    shore = curve([(-0.05, 0.27), (0.1, 0.22), (0.26, 0.27), (0.45, 0.25), (0.62, 0.29),
                   (0.82, 0.23), (1.05, 0.26)])  # fmt: skip
    fill(below(shore), ramp(FAR, np.clip(0.5 + 0.6 * rough + 0.3 * fine, 0, 1)))
    for k, hx in enumerate((0.20, 0.36, 0.41, 0.66, 0.72)):
        house = np.array([(hx, 0.335), (hx, 0.28), (hx + 0.02, 0.26), (hx + 0.04, 0.28),
                          (hx + 0.04, 0.335)])  # fmt: skip
        fill(house, WHITE[k % 3])
        fill(house[1:4], colours("d8603a")[0])
    river = np.sin(150 * (y - 0.33) + 5 * rough) * 0.16
    fill(below(np.array([(-0.1, 0.335), (1.1, 0.325)])),
        ramp(WATER, np.clip(1.9 * (y - 0.33) + 0.3 * fine + river, 0, 1)))  # fmt: skip
    for sx, foot, tall in SAILS:
        sail = np.array([(sx, foot), (sx + 0.02 * tall, foot - tall), (sx + 0.55 * tall, foot)])
        fill(sail, ramp(WHITE, np.clip(0.5 + fine, 0, 1)))
        fill(sail * (1, -0.55) + (0, 1.57 * foot), mix(WHITE[0], WATER[1], 0.35))
        fill(ellipse(sx + 0.2 * tall, foot + 0.01, 0.5 * tall, 0.08 * tall), BARK[0])

    bank = below(curve([(-0.05, 0.55), (0.2, 0.60), (0.45, 0.58), (0.75, 0.53), (1.05, 0.47)]))
    fill(bank, ramp(GRASS, np.clip(0.42 + 0.5 * rough + 0.45 * fine, 0, 1)))
    shades = [ellipse(0.10, 0.70, 0.30, 0.055, -0.05), ellipse(0.85, 0.63, 0.26, 0.035, -0.2)]
    shades += [below(curve([(-0.05, 0.90), (0.2, 0.87), (0.5, 0.92), (0.8, 0.86), (1.05, 0.9)]))]
    shade = ramp(SHADE, np.clip(0.4 + 0.5 * rough + 0.3 * fine, 0, 1))
    for outline in shades:
        fill(outline, shade)
    for px, foot, tall, _, _ in PEOPLE:
        fill(ellipse(px + 0.28 * tall, foot, 0.36 * tall, 0.05 * tall, -0.08), shade)
    for px, foot, tall, dress, parasol in PEOPLE:
        _person(fill, np.array([px, foot]), tall, colours(dress)[0], colours(parasol)[0], fine)

    for tx, foot, wide in ((0.055, 0.80, 0.05), (0.955, 0.66, 0.032), (0.80, 0.58, 0.016)):
        trunk = [(tx - wide, foot), (tx - 0.5 * wide, 0.3), (tx, -0.1), (tx + wide, -0.1),
                 (tx + 0.4 * wide, 0.3), (tx + 0.8 * wide, foot)]  # fmt: skip
        fill(curve(trunk, 40), ramp(BARK, np.clip(0.5 + (x - tx) / wide / 2 + 0.3 * fine, 0, 1)))
    crown = 1.5 * np.exp(-((x / 0.42) ** 2) - ((y / 0.24) ** 2))
    crown += 1.4 * np.exp(-(((x - 1) / 0.30) ** 2) - (((y - 0.08) / 0.20) ** 2))
    crown = np.clip((crown - 0.62 + 0.45 * rough + 0.15 * fine) * 9, 0, 1)
    leaves = ramp(LEAVES, np.clip(0.42 + 0.38 * fine + 0.28 * rough + 0.6 * (y - 0.15), 0, 1))
    return mix(lab_to_rgb(picture), leaves, crown)


def _person(
    fill: Fill, foot: np.ndarray, tall: float, dress: np.ndarray, parasol: np.ndarray,
    fine: np.ndarray,
) -> None:  # fmt: skip
    """A lady in a bustle skirt with a parasol; sun from the left, shadow to the right."""
    skirt = [(-0.20, 0), (-0.13, -0.28), (-0.06, -0.50), (0.05, -0.50), (0.17, -0.42), (0.21, -0.2),
             (0.22, 0)]  # fmt: skip
    lit, dark = mix(dress, WHITE[0], 0.3), mix(dress, SHADE[3], 0.55)
    cloth = ramp(np.stack([lit, dress, dark]), np.clip(0.45 + 0.45 * fine, 0, 1))
    fill(foot + tall * curve(skirt, 40), cloth)
    fill(foot + tall * np.array([(0.06, -0.5), (0.2, -0.4), (0.22, 0), (0.09, 0)]), dark)
    fill(foot + tall * ellipse(0, -0.60, 0.075, 0.14), cloth)
    fill(foot + tall * ellipse(0, -0.79, 0.05, 0.065), colours("f0b890")[0])
    fill(foot + tall * ellipse(0.01, -0.84, 0.075, 0.04), dark)
    stick = np.array([(-0.13, -0.55), (-0.115, -0.55), (-0.10, -1.0), (-0.115, -1.0)])
    fill(foot + tall * stick, dark)
    dome = np.array([(-0.36, -0.93), (-0.28, -1.07), (-0.11, -1.14), (0.07, -1.08), (0.15, -0.95)])
    fill(foot + tall * curve(dome, 30), parasol)
    fill(foot + tall * np.array([(-0.11, -1.13), (0.07, -1.08), (0.15, -0.95), (0.0, -0.93)]),
        mix(parasol, SHADE[3], 0.45))  # fmt: skip
