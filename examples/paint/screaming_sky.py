"""A lone walker on a bridge under a sky in waves of fire, after Edvard Munch."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, OIL, Brush, Canvas
from .core.colour import colours, jitter, ramp
from .core.fields import along, at, grid, noise, scatter, trace
from .core.shapes import below, curve, ellipse, mask, rough

MAP = 512  # the side of the maps that plan the picture
SKY = colours("2d3f6b b8321f e2571d f08a24 f6b93e e8641f c22b1c f2a02f f7d372 8fa9a0 d9461d ee7a22 b3261d f3b344")
FJORD = colours("0d1428 14264a 1f4a78 3f7a94 7fa69a 24386a 101a38 2f5f86 c9a24e 16284e")
SHORE = colours("1c2a2a 2f4a34 5f6a34 24303c 7a5a30 182028")
PLANK = colours("5a2f1c 8a4a26 b5713a 3a2430 6b5a6a c98f52 46303a")
GOAL = np.array([1.03, 0.435])  # where the lines of the bridge meet
FLOOR = np.array([(-0.1, 0.74), (0.62, 1.1)])
COAT = colours("0a0d18 16203c 101626 263258 0c1018")


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    x, y = grid(MAP)
    brush = Brush(streak=0.55, dry=0.5, thick=0.35, taper=0.3, ragged=0.6)
    canvas = Canvas(size, colours("b58a5a")[0], rng)

    # Sky and water are each one height map: bands of colour are its contours.
    waves = 0.055 * np.sin(7.5 * x + 1.0 + 2.2 * y) + 0.03 * np.sin(15 * x - 6 * y)
    sky = y + waves * (0.6 + 1.2 * y) + 0.016 * noise(MAP, 4, rng, 3)
    eddies = np.exp(-(((x - 0.72) / 0.15) ** 2 + ((y - 0.50) / 0.06) ** 2))
    eddies -= np.exp(-(((x - 0.20) / 0.17) ** 2 + ((y - 0.55) / 0.08) ** 2))
    fjord = y + 0.10 * eddies + 0.4 * waves + 0.016 * noise(MAP, 4, rng, 3)
    hills = curve([(-0.05, 0.40), (0.12, 0.35), (0.30, 0.41), (0.52, 0.39), (0.75, 0.33),
                   (0.90, 0.37), (1.05, 0.31)])  # fmt: skip
    land = mask(below(hills), MAP)
    bank = mask(below(curve([(0.55, 1.05), (0.70, 0.80), (0.86, 0.66), (1.05, 0.58)])), MAP)
    deck = mask(np.array([GOAL, FLOOR[0], (-0.1, 1.1), FLOOR[1]]), MAP)
    for relief, palette, bands, where in (
        (sky, SKY, 2.2, 1 - land), (fjord, FJORD, 4.6, land * (1 - bank)),
        (fjord, SHORE, 5, bank),
    ):  # fmt: skip
        tone = (relief * bands + 0.06 * noise(MAP, 10, rng, 3)) % 1
        picture, way = ramp(np.vstack([palette, palette[:1]]), tone), along(relief)
        for spacing, length, width in ((0.021, 0.28, 0.02), (0.0113, 0.21, 0.0085)):
            spots = scatter(spacing, rng, where * (1 - deck))  # the bridge hides the rest
            lines = trace(way, spots, length * rng.uniform(0.4, 1.1, len(spots)), 14)
            keep = (at(where, lines[:, ::7]) > 0.5).all(1)
            tint = jitter(at(picture, spots[keep]), rng, 0.05, 0.02)
            canvas.strokes(lines[keep], tint, width, rng, brush)
    for start in rng.integers(0, 48, 90):  # far mountains cover the seam
        ridge = hills[start : start + 14] + (0, 0.004 + 0.011 * rng.normal())
        canvas.stroke(ridge, jitter(FJORD[rng.integers(3)], rng, 0.04), 0.009, rng, brush)

    _bridge(canvas, rng, brush)
    _walker(canvas, rng)
    return canvas.finish(relief=0.55, grain=0.05)


def _bridge(canvas: Canvas, rng: np.random.Generator, brush: Brush) -> None:
    """Planks and rails that rush from the lower left corner to the far bank."""
    canvas.shape(np.array([GOAL, FLOOR[0], (-0.1, 1.1), FLOOR[1]]), PLANK[3], rng, brush)
    for _ in range(620):
        start = FLOOR[0] + (FLOOR[1] - FLOOR[0]) * rng.uniform(-0.02, 1) + (-0.12, 0.12)
        near, far = np.sort(rng.random(2)) ** 0.8
        near, far = max(0.0, near - 0.15), min(0.98, far + 0.1)
        line = start + (GOAL - start) * np.linspace(near, far, 6)[:, None]
        line[:, 1] += 0.002 * rng.normal(size=6)
        tint = jitter(PLANK[rng.integers(len(PLANK))], rng, 0.05, 0.015)
        width = 0.017 * (1 - np.linspace(near, far, 6) * 0.85)
        canvas.stroke(line, tint, width, rng, brush)
    post = replace(OIL, thick=0.5, dry=0.35, streak=0.6, taper=0.05)
    for lift, wide in ((0.34, 0.03), (0.20, 0.02), (0.07, 0.016)):
        for _ in range(7):
            start = FLOOR[0] + (-0.1, 0.05 - lift + 0.01 * rng.normal())
            line = start + (GOAL - start) * np.linspace(0, 1, 12)[:, None]
            tint = jitter(PLANK[rng.integers(3)], rng, 0.05)
            canvas.stroke(line, tint, np.linspace(wide, 0.003, 12), rng, post)
    for share in (0.06, 0.27, 0.45, 0.59, 0.70, 0.79, 0.86, 0.91):
        foot = FLOOR[0] + (-0.1, 0.05) + (GOAL - FLOOR[0] - (-0.1, 0.05)) * share
        tall, wide = 0.36 * (1 - share), 0.034 * (1 - share)
        for side in (-0.3, 0.0, 0.3):
            line = np.array([foot + (side * wide, 0), foot + (side * wide, -tall)])
            canvas.stroke(line, jitter(PLANK[3], rng, 0.04), wide * 0.7, rng, post)


def _walker(canvas: Canvas, rng: np.random.Generator) -> None:
    """A figure in a long coat, seen from behind, that sways with the sky."""
    spine = curve([(0.40, 1.02), (0.385, 0.86), (0.41, 0.70), (0.395, 0.575), (0.40, 0.53)], 16)
    half = curve([(0, 0.10), (0, 0.066), (0, 0.058), (0, 0.064), (0, 0.02)], 16)[:, 1]
    coat = replace(OIL, thick=0.4, dry=0.15, streak=0.7, taper=0.1)
    for _ in range(170):
        side, (start, stop) = rng.uniform(-1, 1), np.sort(rng.integers(0, 16, 2))
        part = slice(max(0, start - 2), stop + 2)
        line = spine[part] + np.stack([side * half[part], 0 * half[part]], 1)
        tint = jitter(COAT[rng.integers(len(COAT))], rng, 0.03, 0.012)
        canvas.stroke(line, tint, 0.014, rng, coat)
    for side in (-1, 1):
        for _ in range(9):
            arm = [(side * 0.045, -0.01), (side * 0.085, 0.08), (side * 0.05, 0.17)]
            line = curve(spine[11] + np.array(arm) + 0.006 * rng.normal(size=2), 8)
            canvas.stroke(line, jitter(COAT[rng.integers(5)], rng, 0.03), 0.011, rng, coat)
    head = ellipse(0.40, 0.497, 0.028, 0.04)
    hat = curve([(0.372, 0.488), (0.37, 0.435), (0.40, 0.426), (0.43, 0.437), (0.43, 0.488)], 20)
    for outline in (head, hat):
        canvas.shape(rough(outline, 0.0015, rng), COAT[0], rng, coat)
        for _ in range(26):
            sweep = np.array_split(outline, 2)[rng.integers(2)]
            line = (0.40, 0.48) + (sweep - (0.40, 0.48)) * rng.uniform(0.2, 0.95)
            canvas.stroke(line, jitter(COAT[0], rng, 0.03), 0.008, rng, coat)
    brim = curve([(0.340, 0.489), (0.37, 0.478), (0.43, 0.476), (0.462, 0.486)], 10)
    canvas.stroke(brim, COAT[0], 0.014, rng, replace(INK, thick=0.3))
