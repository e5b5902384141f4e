"""A breaking wave with claws of foam, printed from cherry blocks after Katsushika Hokusai."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, Canvas
from .core.colour import colours, jitter, mix
from .core.fields import grid, noise
from .core.shapes import below, curve, ellipse

PAPER, SKY, DUSK, SUN = colours("eee0bd dcc799 5d7e93 cf5b3a")
LINE, FOAM, SHADE, SNOW = colours("14213f f6ecd4 a9c3c4 f3e8cf")
BLUES = colours("172f58 3a6c96 1f4a7c f1e6cb 172f58 86aab6 2a5a8a 14284a 5c8dab ece0c4")
BOAT = colours("c99a55 a8733a 7c4f2c")
BLOCK = replace(INK, streak=0.10)
CUT = replace(INK, taper=0.12)
# The wave stands between two curves that run from its foot to its tip; stripes lie between.
BACK = [(1.20, 1.05), (1.16, 0.62), (1.00, 0.27), (0.80, 0.10), (0.60, 0.07), (0.44, 0.14),
        (0.33, 0.29)]  # fmt: skip
HOLLOW = [(0.02, 1.02), (0.34, 0.86), (0.58, 0.70), (0.67, 0.53), (0.61, 0.37), (0.48, 0.29),
          (0.35, 0.33)]  # fmt: skip
SWELL_BACK = [(-0.25, 1.1), (-0.2, 0.85), (-0.06, 0.72), (0.06, 0.695), (0.17, 0.735), (0.23, 0.80)]
SWELL_HOLLOW = [(0.55, 1.12), (0.38, 1.03), (0.25, 0.97), (0.17, 0.90), (0.16, 0.83), (0.21, 0.82)]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    x, y = grid(size)
    wood = noise(size, 5, rng, 5)
    fibre = noise(size, 160, rng, 2)
    # Bokashi: the printer wipes the ink away by hand, and the grain breaks its edge.
    wiped = np.clip(0.95 - 3.6 * y + 0.25 * wood + 0.10 * fibre, 0, 0.9)
    haze = np.exp(-(((y - 0.66) / 0.10) ** 2)) * (0.55 + 0.25 * wood)
    sky = mix(SKY, DUSK, np.clip(np.maximum(wiped, haze), 0, 1))
    canvas = Canvas(size, sky, rng)
    canvas.shape(ellipse(0.165, 0.20, 0.083, 0.083), SUN, rng, BLOCK)
    _mountain(canvas, rng)

    sea = [(-0.05, 0.76), (0.1, 0.75), (0.22, 0.77), (0.36, 0.745), (0.5, 0.765), (0.7, 0.74)]
    for tone, level in zip(BLUES[[2, 5, 0, 8, 4, 1, 7, 9]], np.linspace(0, 0.3, 8), strict=True):
        ripple = np.array(sea) * (1, 1 + 0.2 * level) + (0, level)
        ripple[:, 1] += 0.012 * rng.normal(size=len(sea))
        canvas.shape(below(curve(ripple)), tone, rng, BLOCK)
        canvas.stroke(curve(ripple), LINE, 0.0028, rng, CUT)
    _wave(canvas, np.array(BACK), np.array(HOLLOW), 21, 0.125, rng)
    _boat(canvas, rng)
    _wave(canvas, np.array(SWELL_BACK), np.array(SWELL_HOLLOW), 11, 0.052, rng)
    spray = rng.normal((0.34, 0.40), (0.10, 0.13), (170, 2))
    spray = spray[(spray[:, 0] < 0.52) & (spray[:, 1] < 0.7)]
    radii = 0.0052 * rng.random(len(spray)) ** 2 + 0.0014
    canvas.dots(spray, np.tile(FOAM, (len(spray), 1)), radii, rng, 0)

    # The print: rings of the plank and the pressure of the baren let the paper through.
    rings = np.sin(300 * y + 22 * noise(size, 2, rng, 2) + 9 * np.sin(2.2 * x + 5 * y))
    streaks = np.asarray(Image.fromarray(fibre[:, : size // 20]).resize((size, size)))
    thin = 0.07 + 0.07 * rings * (0.6 + wood) + 0.09 * streaks + 0.10 * fibre + 0.06 * wood
    speck = noise(size, 420, rng, 1) > 0.80 + 0.12 * wood
    paper = PAPER * (1 + 0.03 * noise(size, 90, rng, 3))[..., None]
    canvas.rgb = mix(canvas.rgb, paper, np.clip(thin + 0.45 * speck, 0, 0.8)).astype(np.float32)
    for _ in range(220):
        way = 0.011 * (rng.normal(size=2) + 0.6 * rng.normal(size=(3, 2)))
        hair = curve(rng.random(2) + np.cumsum(way, 0), 9)
        tone = jitter(PAPER - 0.12 * rng.integers(2), rng, 0.03)
        canvas.stroke(hair, tone, 0.0014, rng, replace(CUT, opacity=0.4))
    return canvas.finish(relief=0.3, grain=0.06)


def _wave(
    canvas: Canvas, back: np.ndarray, hollow: np.ndarray, stripes: int, reach: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Stripes of blue from foot to tip between two curves, then claws along the crest."""
    first, last = curve(back, 90), curve(hollow, 90)
    rise = np.linspace(0, 1, 90)
    lines = []
    for k in range(stripes + 1):
        share = k / stripes + (0.35 / stripes) * np.sin(rng.uniform(0, 6.3) + 5 * rise)
        share = np.clip(share, 0, 1) if 0 < k < stripes else np.full(90, k / stripes)
        lines.append(first + (last - first) * share[:, None])
    for k in range(stripes):
        ribbon = np.vstack([lines[k], lines[k + 1][::-1]])
        canvas.shape(ribbon, BLUES[k % len(BLUES)], rng, BLOCK)
    for k, line in enumerate(lines):
        weight = 0.0052 if k in (0, stripes) else 0.0022
        canvas.stroke(line, LINE, weight, rng, CUT)
    for _ in range(5 * stripes):  # the knife follows the water inside the stripes
        k, part = int(rng.integers(stripes)), rng.uniform(0.15, 0.85)
        start, stop = sorted(rng.integers(0, 80, 2))
        thread = (lines[k] * (1 - part) + lines[k + 1] * part)[start : stop + 8]
        tone = BLUES[(k + rng.integers(1, 4)) % len(BLUES)]
        canvas.stroke(thread, tone, reach * rng.uniform(0.012, 0.034), rng, replace(CUT, taper=0.5))

    claws: list[tuple[np.ndarray, np.ndarray]] = []
    lip = np.vstack([lines[0][46:], lines[-1][:64:-1], lines[2][52:], lines[4][60:]])
    for place in lip[rng.permutation(len(lip))]:
        fall = 2.55 + 0.5 * rng.normal()
        _claw(claws, place, fall, reach * rng.uniform(0.5, 1.1), 2, rng)
    cover = curve(np.vstack([lines[0][50::6], lines[5][:58:-6]]), 60, closed=True)
    canvas.shape(cover, FOAM, rng, BLOCK)
    for start in range(0, len(claws), 26):  # handful over handful, so that outlines show between
        handful = claws[start : start + 26]
        for line, width in handful:
            canvas.stroke(line, LINE, width + 0.0052, rng, replace(INK, taper=0))
        for line, width in handful:
            canvas.stroke(line, FOAM, width, rng, replace(INK, taper=0))
        for line, width in handful[::2]:
            canvas.stroke(line[1:-2] + 0.001, SHADE, width[1:-2] * 0.35, rng, CUT)


def _claw(
    claws: list[tuple[np.ndarray, np.ndarray]], root: np.ndarray, heading: float, length: float,
    depth: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """A finger of foam that curls under itself, and the smaller fingers that spring from it."""
    bend = -rng.uniform(0.9, 2.4) * np.linspace(0, 1, 12) ** 1.5
    way = np.stack([np.cos(heading + bend), np.sin(heading + bend)], 1)
    line = root + np.cumsum(way, 0) * length / 12
    claws.append((line, length * np.interp(np.arange(12), [0, 3, 11], [0.08, 0.33, 0.05])))
    if depth:
        for joint, lean in ((3, 0.7), (5, -0.7), (7, 0.6)):
            _claw(claws, line[joint], heading + bend[joint] + lean, 0.5 * length, depth - 1, rng)


def _mountain(canvas: Canvas, rng: np.random.Generator) -> None:
    """A far volcano under snow, in the hollow of the wave."""
    slope = curve([(0.02, 0.79), (0.17, 0.7), (0.27, 0.605), (0.31, 0.605), (0.41, 0.7), (0.56, 0.79)])
    canvas.shape(slope, BLUES[1], rng, BLOCK)
    snow = [(0.205, 0.672), (0.275, 0.600), (0.305, 0.600), (0.375, 0.668), (0.35, 0.655),
            (0.335, 0.69), (0.31, 0.65), (0.295, 0.7), (0.27, 0.655), (0.24, 0.69)]  # fmt: skip
    canvas.shape(np.array(snow), SNOW, rng, BLOCK)
    canvas.stroke(slope, LINE, 0.0032, rng, CUT)


def _boat(canvas: Canvas, rng: np.random.Generator) -> None:
    """A long skiff that slides into the trough."""
    top = curve([(0.20, 0.80), (0.33, 0.865), (0.48, 0.87), (0.62, 0.80)], 30)
    keel = curve([(0.62, 0.80), (0.50, 0.905), (0.33, 0.90), (0.20, 0.80)], 30)
    canvas.shape(np.vstack([top, keel]), BOAT[0], rng, BLOCK)
    canvas.stroke((top + keel[::-1]) / 2, BOAT[1], 0.012, rng, CUT)
    for line in (top, keel):
        canvas.stroke(line, LINE, 0.0042, rng, CUT)
    for rower in range(7, 24, 3):
        for rise, tone, radius in ((0.010, BOAT[2], 0.013), (0.027, BOAT[0], 0.0065)):
            spot = top[rower : rower + 1] - (0.3 * rise, rise)
            canvas.dots(spot, LINE[None], radius + 0.0028, rng, 0)
            canvas.dots(spot, tone[None], radius, rng, 0)
