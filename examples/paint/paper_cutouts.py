"""Leaves, seaweed and birds scissored from gouache-painted paper, after Henri Matisse."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from .core.canvas import OIL, Canvas
from .core.colour import colours, jitter, mix
from .core.fields import blur, noise
from .core.shapes import curve

MAP = 512  # the side of the maps that plan the picture
GOUACHE = replace(OIL, streak=0.28, dry=0.25, thick=0.35, taper=0, ragged=1.2, opacity=0.85)
INKS = {
    "white": "f6f0e0", "black": "201d26", "blue": "2240b0", "sky": "5a9ad6", "green": "0d6f54",
    "leaf": "76b23e", "yellow": "f6c52e", "orange": "f07c22", "red": "d22c30", "pink": "f095b4",
    "plum": "6d3f96", "sand": "e2cc9c",
}  # fmt: skip
COLUMNS, ROWS = (-0.02, 0.26, 0.50, 0.77, 1.02), (-0.02, 0.31, 0.64, 1.02)
GROUND = ("sky white orange blue", "yellow plum sand green", "red sky pink white")
SCRAPS = {  # small cuttings, dropped in the gaps
    "yellow": [(0.035, 0.05), (0.44, 0.60), (0.93, 0.70), (0.72, 0.06)],
    "orange": [(0.245, 0.27), (0.80, 0.62), (0.30, 0.68), (0.98, 0.30)],
    "leaf": [(0.30, 0.36), (0.49, 0.05), (0.82, 0.70), (0.22, 0.95)],
    "red": [(0.55, 0.29), (0.04, 0.36), (0.96, 0.95), (0.515, 0.94)],
}


def ribbon(line: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Outline of a band along ``line`` (N, 2), as wide as ``width`` (N,), with a round tip."""
    way = np.gradient(line, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    side = np.stack([-way[:, 1], way[:, 0]], 1) * width[:, None] / 2
    angle = np.linspace(-np.pi / 2, np.pi / 2, 9)[1:-1, None]
    tip = line[-1] + np.cos(angle) * way[-1] * width[-1] / 2 + np.sin(angle) * side[-1]
    return np.vstack([line - side, tip, (line + side)[::-1]])


def frond(pairs: int, reach: float, thick: float, lift: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Seaweed or leaf, upright in the unit square: a spine with ``pairs`` of rounded fingers."""
    t = np.linspace(0, 1, 24)
    spine = np.stack([0.05 * np.sin(2 * np.pi * t), 0.5 - t], 1)
    parts = [ribbon(spine, thick * (1 - 0.4 * t))]
    for level in (np.arange(pairs) + 0.5) / (pairs + 0.2):
        for side in (-1, 1):
            root = spine[int(23 * np.clip(level + 0.2 * side / pairs, 0, 1))]
            swell = 0.4 + 0.8 * np.sin(np.pi * (0.2 + 0.7 * level))
            long, rise = reach * swell * rng.uniform(0.8, 1.15), lift * rng.uniform(0.8, 1.2)
            bend = curve([(0, 0), (0.6 * side, -0.25 * rise), (side, -rise)], 12)
            parts.append(ribbon(root + long * bend, thick * np.linspace(0.7, 1.2, 12)))
    return parts


def bird() -> list[np.ndarray]:
    """A swallow from above, flying to the right."""
    strips = [  # control points of each strip of paper, and its width at both ends
        ([(-0.32, 0.02), (0.1, -0.02), (0.42, 0.0)], 0.07, 0.12),
        ([(0.14, 0.0), (0.12, -0.28), (-0.16, -0.5)], 0.19, 0.02),
        ([(0.14, 0.0), (0.14, 0.25), (-0.06, 0.5)], 0.19, 0.02),
        ([(-0.25, 0.02), (-0.4, -0.03), (-0.58, -0.16)], 0.07, 0.02),
        ([(-0.25, 0.02), (-0.4, 0.06), (-0.56, 0.18)], 0.07, 0.02),
        ([(0.4, 0.0), (0.47, 0.0), (0.56, 0.03)], 0.07, 0.015),
    ]
    return [ribbon(curve(p, 14), np.linspace(wide, thin, 14)) for p, wide, thin in strips]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paste up the picture."""
    canvas, sheet = (Canvas(size, np.ones(3), rng) for _ in range(2))
    for row, names in enumerate(GROUND):
        for column, name in enumerate(names.split()):
            x0, x1, y0, y1 = *COLUMNS[column : column + 2], *ROWS[row : row + 2]
            corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
            skew = rng.normal(size=(4, 2)) * 0.006 + 0.012 * np.sign(corners - corners.mean(0))
            _paste(canvas, sheet, [corners + skew], name, rng)

    weed, palm, coral = (4, 0.30, 0.085, 0.8), (6, 0.32, 0.055, 0.55), (3, 0.29, 0.125, 0.3)
    for shape, x, y, scale, turn, name in (
        (frond(*weed, rng), 0.13, 0.16, 0.31, 0.15, "blue"),
        (frond(*coral, rng), 0.385, 0.155, 0.28, -0.2, "red"),
        (frond(*palm, rng), 0.64, 0.16, 0.31, 0.3, "green"),
        (frond(*weed, rng), 0.885, 0.165, 0.32, -0.15, "white"),
        (frond(*palm, rng), 0.125, 0.48, 0.33, -0.25, "black"),
        (bird(), 0.385, 0.47, 0.27, -0.5, "white"),
        (frond(*coral, rng), 0.635, 0.48, 0.32, 0.25, "plum"),
        (frond(*weed, rng), 0.885, 0.475, 0.32, 0.3, "yellow"),
        (frond(*coral, rng), 0.125, 0.83, 0.33, 0.1, "pink"),
        (frond(*palm, rng), 0.385, 0.83, 0.34, 0.2, "blue"),
        (frond(*weed, rng), 0.64, 0.825, 0.35, -0.2, "green"),
        (bird(), 0.885, 0.86, 0.22, -2.5, "blue"),
    ):
        _paste(canvas, sheet, _place(shape, x, y, scale, turn), name, rng)
    for name, spots in SCRAPS.items():
        for x, y in spots:
            scrap = _place(frond(2, 0.32, 0.19, 0.5, rng), x, y, 0.07, rng.uniform(-1, 1))
            _paste(canvas, sheet, scrap, name, rng)
    return canvas.finish(relief=0.5, grain=0.05)


def _place(parts: list[np.ndarray], x: float, y: float, scale: float, turn: float) -> list[np.ndarray]:
    """Move outlines drawn in the unit square to their place on the sheet."""
    c, s = np.cos(turn) * scale, np.sin(turn) * scale
    return [part @ np.array([(c, s), (-s, c)]) + (x, y) for part in parts]


def _paste(canvas: Canvas, sheet: Canvas, parts: list[np.ndarray], name: str, rng: np.random.Generator) -> None:
    """Cut a shape, the union of these outlines, from a freshly painted sheet and glue it down."""
    size, ink, white = canvas.size, *colours(f"{INKS[name]} {INKS['white']}")
    sheet.rgb[:], sheet.height[:] = mix(ink, white, 0.3), 0
    low, high = np.vstack(parts).min(0), np.vstack(parts).max(0)
    middle, reach = (low + high) / 2, (high - low).max() * 0.6
    turn = rng.choice([0, np.pi / 2]) + rng.normal() * 0.3
    for lean in (turn, turn + rng.uniform(0.3, 0.7)):  # thin coats: the first shines through
        way, across = np.array([(np.cos(lean), np.sin(lean)), (-np.sin(lean), np.cos(lean))])
        for step in np.arange(-reach, reach, 0.026):
            bow = middle + across * (step + 0.007 * rng.normal(size=(5, 1)))
            line = bow + way * np.linspace(-reach, reach, 5)[:, None] * rng.uniform(0.8, 1.2)
            sheet.stroke(line, jitter(ink, rng, 0.035, 0.012), 0.042, rng, GOUACHE)

    image = Image.new("L", (MAP, MAP))
    for part in parts:
        ImageDraw.Draw(image).polygon([(u, v) for u, v in part * MAP], fill=255)
    soft = blur(np.asarray(image, np.float32), 0.0035)  # scissors round every inner corner
    snip = soft + 9 * noise(MAP, 40, rng, 2)
    fall = np.pad(soft, ((3, 0), (3, 0)), "edge")[:-3, :-3]
    cut, shadow = (
        np.asarray(Image.fromarray(map_).resize((size, size), Image.Resampling.BICUBIC)) for map_ in (snip, fall)
    )
    cut = np.clip(cut / 32 - 3.5, 0, 1)[..., None]
    canvas.rgb *= 1 - 0.5 * np.clip(shadow / 255, 0, 1)[..., None] * (1 - cut)
    canvas.rgb += cut * (sheet.rgb - canvas.rgb)
    canvas.height += cut[..., 0] * (sheet.height + 0.5 - canvas.height)
