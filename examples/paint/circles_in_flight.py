"""Circles, arcs, triangles and checkers in flight on a warm ground, after Wassily Kandinsky."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, OIL, Canvas
from .core.colour import colours, jitter, mix, ramp
from .core.fields import at, grid, noise, scatter, trace
from .core.shapes import ellipse, mask

MAP = 512  # the side of the maps that plan the picture
GROUND = colours("d69c58 e6c283 f2e2b8 ebc48a e6b59a d09a5c b4bda8")
BLACK, RED, ORANGE, YELLOW, GREEN, TEAL, BLUE, VIOLET, PINK, WHITE = HUES = colours(
    "1c1820 cc2b2e ea7a2a f4c430 5a9a4a 2b8a8c 2a4fa8 5b3a8c e58aa0 f8f0dc"
)
SCUMBLE = replace(OIL, dry=0.4, thick=0.5, streak=0.3)
LINE = replace(INK, thick=0.35, taper=0.3)
# x, y, radius, then the hues of its rings from the rim inwards
CIRCLES = [
    (0.25, 0.24, 0.165, (BLACK, VIOLET, BLUE)), (0.73, 0.70, 0.105, (YELLOW, ORANGE, RED, BLACK)),
    (0.60, 0.20, 0.062, (RED, PINK)), (0.15, 0.66, 0.070, (TEAL, WHITE, BLUE)),
    (0.88, 0.31, 0.055, (BLUE, YELLOW)), (0.44, 0.88, 0.050, (GREEN, YELLOW, BLACK)),
    (0.90, 0.90, 0.042, (VIOLET, PINK)), (0.42, 0.52, 0.038, (BLACK, ORANGE)),
    (0.53, 0.36, 0.022, (BLUE, TEAL)), (0.08, 0.90, 0.030, (RED, YELLOW)),
    (0.78, 0.08, 0.028, (BLACK, WHITE)), (0.63, 0.47, 0.018, (RED, ORANGE)),
    (0.30, 0.76, 0.020, (VIOLET, BLUE)),
]  # fmt: skip
TRIANGLES = [
    ([(0.36, 0.83), (0.60, 0.16), (0.68, 0.80)], YELLOW, RED),
    ([(0.05, 0.52), (0.40, 0.42), (0.28, 0.70)], TEAL, BLUE),
    ([(0.70, 0.36), (0.97, 0.45), (0.77, 0.58)], RED, ORANGE),
    ([(0.55, 0.93), (0.71, 0.84), (0.78, 0.99)], BLUE, VIOLET),
    ([(0.44, 0.02), (0.55, 0.10), (0.42, 0.13)], GREEN, TEAL),
]
CHECKERS = [(0.57, 0.60, 0.15, -0.42, 5), (0.87, 0.16, 0.11, 0.30, 4), (0.19, 0.87, 0.12, 0.22, 4)]
BEAMS = [  # x and y of both ends, then the width at either
    (0.02, 0.97, 0.97, 0.13, 0.003, 0.010), (0.10, 0.38, 0.99, 0.72, 0.009, 0.002),
    (0.33, 0.99, 0.63, 0.03, 0.007, 0.002), (0.52, 0.04, 0.94, 0.62, 0.002, 0.005),
    (0.02, 0.80, 0.56, 0.68, 0.004, 0.004), (0.70, 0.99, 0.83, 0.40, 0.002, 0.006),
]  # fmt: skip
ARCS = [  # x, y, radius, where it starts and how far it sweeps, count
    (0.47, 0.42, 0.20, 3.4, 2.2, 3), (0.80, 0.50, 0.16, 5.2, 2.6, 2),
    (0.30, 0.60, 0.13, 0.4, 2.4, 3), (0.60, 0.88, 0.10, 3.2, 3.0, 4),
    (0.93, 0.05, 0.12, 1.6, 1.5, 3),
]  # fmt: skip
STRINGS = [  # x, y, length, turn, how many, how much they fan out
    (0.66, 0.30, 0.26, -0.5, 7, 0.03), (0.04, 0.45, 0.20, -0.9, 5, 0.05),
    (0.86, 0.62, 0.15, 1.3, 8, 0.0), (0.40, 0.66, 0.18, 0.25, 4, 0.0),
    (0.36, 0.10, 0.20, 0.12, 6, 0.06), (0.50, 0.99, 0.22, -1.0, 5, 0.02),
]  # fmt: skip
WAVES = [(0.03, 0.10, RED), (0.64, 0.95, BLACK), (0.44, 0.27, BLUE), (0.77, 0.86, GREEN)]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    x, y = grid(MAP)
    cloud = noise(MAP, 3, rng, 4)
    ground = ramp(GROUND, np.clip(0.45 + 0.6 * cloud, 0, 1))
    for cx, cy, radius, hues in CIRCLES[:8]:  # the strong ones glow into the ground
        far = np.hypot(x - cx, y - cy) / radius
        glow = 0.9 * np.exp(-np.maximum(far - 1, 0) * 2.5) * np.clip(0.8 + 0.6 * cloud, 0, 1)
        ground = mix(ground, mix(hues[1], WHITE, 0.25), glow)
    canvas = Canvas(size, GROUND[1], rng)
    sweep = np.stack([np.cos(6 * cloud), np.sin(6 * cloud)], -1)
    for spacing, length in ((0.026, 0.07), (0.014, 0.03)):
        spots = scatter(spacing, rng)
        tint = jitter(at(ground, spots), rng, 0.03, 0.012)
        canvas.strokes(trace(sweep, spots, length, 4), tint, 0.9 * spacing, rng, SCUMBLE)

    for corners, first, last in TRIANGLES:
        _facet(canvas, np.array(corners), first, last, 0.72, rng)
    for checker in CHECKERS:
        _checker(canvas, *checker, rng)
    for circle in CIRCLES:
        _circle(canvas, *circle, rng)
    for x0, y0, x1, y1, *widths in BEAMS:
        beam = np.array([(x0, y0), (x1, y1)])
        canvas.stroke(beam, BLACK, np.array(widths), rng, LINE)
    _music(canvas, rng)
    return canvas.finish(relief=0.6, grain=0.04)


def _facet(
    canvas: Canvas, outline: np.ndarray, first: np.ndarray, last: np.ndarray, cover: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Fill an outline with small dabs from one hue to another, translucent over what is there."""
    inside = mask(outline, MAP)
    spots = scatter(0.0085, rng, inside > 0.5)
    low, high = outline.min(0), outline.max(0)
    turn = rng.uniform(0.2, 0.8)
    blend = (spots - low) / (high - low) @ np.array([turn, 1 - turn])
    canvas.shape(outline, mix(first, last, 0.5), rng, replace(INK, opacity=cover * 0.8, streak=0.3))
    way = rng.uniform(0, np.pi) + rng.normal(size=len(spots)) * 0.5
    reach = 0.007 * np.stack([np.cos(way), np.sin(way)], 1)
    lines = np.stack([spots - reach, spots, spots + reach], 1)
    whole = at(inside, lines).min(1) > 0.5  # a dab must not cross the outline
    tint = jitter(mix(first, last, np.clip(blend, 0, 1)), rng, 0.03, 0.015)
    dab = replace(SCUMBLE, opacity=cover)
    canvas.strokes(lines[whole], tint[whole], 0.0085, rng, dab)


def _circle(
    canvas: Canvas, x: float, y: float, radius: float, hues: tuple[np.ndarray, ...],
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Rings that slip from the centre, and a rim that the brush leaves open."""
    shift = rng.normal(size=2) * 0.12 * radius
    for k, hue in enumerate(hues):
        part = 1 - k / len(hues)
        ring = ellipse(x, y, radius * part, radius * part) + shift * (1 - part)
        _facet(canvas, ring, hue, mix(hue, HUES[rng.integers(1, 9)], 0.3), 0.92, rng)
    rim = ellipse(x, y, radius, radius, rng.uniform(0, 6), 60)
    canvas.stroke(rim[:56], BLACK, 0.0035, rng, LINE)


def _checker(
    canvas: Canvas, x: float, y: float, side: float, turn: float, count: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """A slanting chessboard, now and then with a field in colour."""
    c, s = np.cos(turn), np.sin(turn)
    frame = np.array([(c, s), (0.25 - s, c)]) * side / count
    paintbrush = replace(INK, streak=0.35, thick=0.5, opacity=0.92)
    for row in range(count):
        for column in range(count):
            square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) + (column, row) - count / 2
            hue = (BLACK, WHITE)[(row + column) % 2]
            if rng.random() < 0.4:
                hue = HUES[rng.integers(1, 9)]
            canvas.shape(square @ frame + (x, y), jitter(hue, rng, 0.03), rng, paintbrush)


def _music(canvas: Canvas, rng: np.random.Generator) -> None:
    """Arcs, strings, waves and grains, that sound between the large forms."""
    for x, y, radius, start, sweep, count in ARCS:
        for k in range(count):
            angle = start + 0.15 * k + np.linspace(0, sweep, 24)
            arc = (radius - 0.016 * k) * np.stack([np.cos(angle), np.sin(angle)], 1) + (x, y)
            canvas.stroke(arc, HUES[rng.integers(1, 9)] if k else BLACK, 0.006, rng, LINE)
    for x, y, long, turn, count, fan in STRINGS:
        for k in range(count):
            foot = np.array([x - 0.013 * k * np.sin(turn), y + 0.013 * k * np.cos(turn)])
            reach, lean = long * (1 - 0.07 * k), turn + fan * k
            tip = foot + reach * np.array([np.cos(lean), np.sin(lean)])
            canvas.stroke(np.array([foot, tip]), BLACK, rng.uniform(0.002, 0.0045), rng, LINE)
    t = np.linspace(0, 1, 60)
    for x, y, hue in WAVES:
        wave = np.stack([x + 0.17 * t, y + 0.02 * np.sin(22 * t) * (1.1 - t) - 0.04 * t], 1)
        canvas.stroke(wave, hue, 0.006 * (1.3 - t), rng, LINE)
    for _ in range(14):  # handfuls of grains
        spots = rng.uniform(0.03, 0.97, 2) + rng.normal(size=(8, 2)) * 0.022
        canvas.dots(spots, HUES[rng.integers(0, 9, 8)], rng.uniform(0.002, 0.006, 8), rng)
