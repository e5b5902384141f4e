"""Misty peaks, pines and a boat in ink wash on old paper, after the Song masters and Sesshu."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from .core.canvas import INK, Canvas
from .core.colour import colours, jitter, mix
from .core.fields import at, blur, grid, noise, scatter, trace
from .core.paper import DAB, WET, Paper, even
from .core.shapes import below, curve, ellipse, mask, rough

SHEET = colours("f1e7cf e2d2ae cdb489")
BLACK, DEEP, GREY, INDIGO, OCHRE = colours("14161a 262c34 535d66 5b7c94 d3a066")
DRY = replace(INK, streak=0.3, dry=0.7, taper=0.35, ragged=0.8)  # "flying white"
PEAKS = [  # ridge from left to right, where the mist begins, depth of the ink
    ([(-0.05, 0.30), (0.06, 0.24), (0.13, 0.33), (0.3, 0.36), (0.48, 0.30), (0.58, 0.17),
      (0.64, 0.22), (0.70, 0.13), (0.77, 0.25), (0.90, 0.21), (1.05, 0.30)], 0.50, 0.40),
    ([(-0.05, 0.42), (0.06, 0.36), (0.13, 0.22), (0.18, 0.19), (0.24, 0.07), (0.32, 0.055),
      (0.37, 0.12), (0.41, 0.26), (0.46, 0.31), (0.52, 0.45), (0.62, 0.55), (1.05, 0.60)],
     0.60, 0.8),
    ([(-0.05, 0.52), (0.1, 0.47), (0.2, 0.52), (0.3, 0.60), (0.44, 0.64), (0.62, 0.63),
      (0.74, 0.54), (0.82, 0.42), (0.89, 0.38), (0.95, 0.43), (1.05, 0.41)], 0.73, 0.95),
    ([(-0.05, 1.02), (0.25, 1.03), (0.42, 0.955), (0.52, 0.93), (0.60, 0.85), (0.70, 0.82),
      (0.78, 0.74), (0.88, 0.71), (1.05, 0.65)], 1.2, 1.25),
]  # fmt: skip
PINES = [  # x and y of the foot, height, lean
    (0.80, 0.78, 0.34, -0.10), (0.915, 0.73, 0.29, 0.05), (0.645, 0.87, 0.17, -0.05),
    (0.09, 0.50, 0.10, 0.02), (0.145, 0.52, 0.075, -0.02), (0.045, 0.50, 0.07, -0.01),
    (0.86, 0.41, 0.055, 0.01), (0.30, 0.075, 0.04, 0.01), (0.92, 0.42, 0.06, -0.01),
]  # fmt: skip


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    paper = _sheet(size, rng)
    sheet = paper.rgb.copy()
    for ridge, mist, depth in PEAKS[:3]:
        _mountain(paper, sheet, ridge, mist, depth, rng)
    for level in np.geomspace(0.012, 0.36, 110):  # water: ripples widen towards the viewer
        start = np.array([rng.uniform(-0.1, 0.75), 0.66 + level])
        long = rng.uniform(0.03, 0.09) + 0.25 * level
        line = start + np.linspace(0, 1, 5)[:, None] * (long, 0.003 * rng.normal())
        thin = replace(DRY, dry=0.45, opacity=rng.uniform(0.3, 0.8))
        paper.stroke(line, mix(GREY, INDIGO, rng.random()), 0.002 + 0.016 * level, rng, thin)
    _mountain(paper, sheet, *PEAKS[3], rng)
    _boat(paper, 0.27, 0.83, 0.05, rng)
    _boat(paper, 0.49, 0.715, 0.022, rng)
    for pine in PINES:
        _pine(paper, *pine, rng)
    for k in range(9):  # wild geese
        bird = np.array([0.47 + 0.022 * k + 0.006 * rng.normal(), 0.085 + 0.012 * abs(k - 3)])
        wing = bird + 0.008 * np.array([(-1.1, -0.5), (-0.4, -0.6), (0, 0), (0.5, -0.7), (1, -0.4)])
        paper.stroke(wing, DEEP, 0.0025, rng, INK)
    splash = rng.beta(1.2, 1.2, (190, 2)) * (1.0, 0.75) + (0.05, 0.3)
    paper.dots(splash, np.full((190, 3), DEEP), 0.0008 + 0.003 * rng.random(190) ** 5, rng, 0)
    return paper.finish(relief=0.25, grain=0.05)


def _sheet(size: int, rng: np.random.Generator) -> Paper:
    """Old paper: long fibres, foxing and pale stains, never quite empty."""
    image = Image.new("L", (size, size), 128)
    pen = ImageDraw.Draw(image)
    for _ in range(3000):
        spot, turn = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        bend, reach = turn + rng.normal() * 0.7, size * rng.uniform(0.004, 0.03)
        knee = spot + reach * np.array([np.cos(turn), np.sin(turn)])
        tip = knee + reach * np.array([np.cos(bend), np.sin(bend)])
        pen.line([*spot, *knee, *tip], fill=int(rng.integers(30, 226)))
    fibre = np.asarray(image, np.float32) / 255 - 0.5
    grain = blur(rng.normal(size=(size, size)).astype(np.float32), 0.8 / 1024)
    tooth = even(0.6 * fibre + 0.6 * grain)
    age = np.clip(0.35 + 0.5 * noise(size, 4, rng, 7) + 0.35 * fibre, 0, 1)
    ground = mix(SHEET[0], SHEET[1], age) * (1 + 0.12 * fibre[..., None])
    paper = Paper(size, ground, tooth, rng)
    stains = [ellipse(*rng.uniform(0, 1, 2), *rng.uniform(0.02, 0.16, 2)) for _ in range(9)]
    for stain in stains:
        paper.wash([rough(stain, 0.01, rng)], SHEET[2], rng, 0.35, replace(DAB, bleed=0.02))
    sky = ellipse(0.75, 0.05, 0.6, 0.13)
    paper.wash([rough(sky, 0.02, rng)], mix(INDIGO, SHEET[0], 0.35), rng, 0.6, WET)
    for reach in (0.3, 0.45, 0.6):
        water = rough(ellipse(0.25, 0.88, reach, 0.07 + 0.1 * reach), 0.02, rng)
        paper.wash([water], INDIGO, rng, 0.22, replace(WET, crisp=1.1))
    return paper


def _mountain(
    paper: Paper,
    sheet: np.ndarray,
    ridge: list[tuple[float, float]],
    mist: float,
    depth: float,
    rng: np.random.Generator,
) -> None:
    """Washes that thin into mist, dots of scrub, and dry texture strokes down the slopes."""
    line = curve(ridge, 160)
    line[:, 1] += np.convolve(rng.normal(size=160), (0.5, 1, 0.5), "same") * 0.0035
    ink = mix(INDIGO, GREY, min(depth, 1))
    size = paper.size
    x, y = grid(size)
    down = y - np.interp(x, line[:, 0], line[:, 1])
    veil = np.clip((mist - y + 0.05 * noise(size, 5, rng, 3)) / 0.16, 0, 1)
    phase = 30 * x + 4 * noise(size, 4, rng, 4)
    folds = np.sin(phase) + 0.6 * noise(size, 9, rng, 4)
    tone = veil * (0.35 + 0.65 * np.exp(-np.maximum(down, 0) / 0.10))
    land = [below(line)]
    hidden = mask(land[0], size)[..., None] * 0.9
    paper.rgb += hidden * (sheet - paper.rgb)  # the mist hides what lies behind
    paper.wash(land, OCHRE, rng, 0.33 * veil, replace(WET, bleed=0.004))
    paper.wash(land, ink, rng, depth * tone * 0.5)
    paper.wash(land, ink, rng, depth * tone * np.clip(1.1 * folds, 0, 1.4))
    turn = 0.75 * np.cos(phase) + 0.35 * noise(size, 6, rng, 4)
    field = np.stack([np.sin(turn), np.cos(turn)], -1)
    spots = scatter(0.0068, rng, (down > 0.004) * tone * np.clip(0.3 + 0.7 * folds, 0.06, 1))
    for way in trace(field, spots, 0.03 + 0.035 * rng.random(len(spots)) * depth, 6):
        opacity = min(1.0, depth * (0.3 + float(at(tone, way[3]))) * rng.uniform(0.4, 1))
        dry = replace(DRY, opacity=opacity)
        paper.stroke(way, jitter(DEEP, rng, 0.03, 0.003), 0.003 + 0.006 * rng.random() ** 2, rng, dry)
    for k in range(0, 156, 3):  # the outline, broken where the brush was lifted
        part = line[k : k + 2 + rng.integers(5)]
        opacity = min(1.0, 1.2 * depth * float(at(tone, part[0])))
        paper.stroke(part, DEEP, rng.uniform(0.002, 0.008), rng, replace(DRY, opacity=opacity))
    moss = line[rng.integers(160, size=int(240 * depth))]
    moss = moss + np.abs(rng.normal(size=moss.shape)) * (0, 0.012)
    moss = moss[at(tone, moss) * rng.random(len(moss)) > 0.25]
    paper.dots(moss, np.full((len(moss), 3), mix(DEEP, GREY, 1 - min(depth, 1))), 0.0021, rng, 0)


def _pine(canvas: Canvas, x: float, y: float, tall: float, lean: float, rng: np.random.Generator) -> None:
    """A wind-bent trunk in dry brush and flat tiers of needles, each a little wheel."""
    knots = np.linspace(0, 1, 6)
    stem = np.stack([x + lean * knots + 0.10 * tall * np.sin(5 * knots + 9 * x), y - tall * knots], 1)
    trunk = curve(stem, 24)
    bark = replace(DRY, dry=0.45, taper=0.1)
    for shift in (-0.3, 0.3, 0.0):
        width = tall * np.linspace(0.075, 0.02, 24)
        canvas.stroke(trunk + (shift * 0.06 * tall, 0), BLACK, width * 0.6, rng, bark)
    for level in np.linspace(0.38, 1, 9):
        root = trunk[int(level * 23)]
        for side in (-1, 1):
            reach = tall * (0.55 - 0.38 * level) * rng.uniform(0.35, 1.25) * side
            tip = root + (reach, -0.04 * tall + 0.05 * tall * rng.normal())
            mid = (root + tip) / 2 + (0, 0.012 * tall)
            canvas.stroke(curve([root, mid, tip], 8), BLACK, tall * 0.02, rng, bark)
            for place in rng.uniform(0.2, 1.1, 8):
                hub = root + (tip - root) * place + (0, -0.02 * tall) + rng.normal(size=2) * tall * 0.012
                ink = jitter(mix(BLACK, DEEP, rng.random()), rng, 0.02, 0.003)
                for turn in rng.uniform(-np.pi, 0.15, 11):
                    needle = tall * 0.055 * np.array([np.cos(turn), 0.8 * np.sin(turn)])
                    canvas.stroke(np.array([hub, hub + needle]), ink, max(0.0014, 0.006 * tall), rng, INK)


def _boat(canvas: Canvas, x: float, y: float, half: float, rng: np.random.Generator) -> None:
    """A fisherman alone in his boat, and its reflection."""
    place = np.array([x, y])
    hull = curve([(-1.2, -0.14), (-0.7, 0.03), (0, 0.09), (0.7, 0.03), (1.15, -0.2)], 16)
    for row in range(5):
        broken = replace(DRY, opacity=0.5 - 0.08 * row)
        shade = place + half * hull[2:-2] * (0.9, -0.5) + (0, half * (0.2 + 0.13 * row))
        canvas.stroke(shade, GREY, half * 0.09, rng, broken)
    for lift in (0.0, 0.07, 0.13):
        canvas.stroke(place + half * hull + (0, half * lift), BLACK, half * 0.1, rng, INK)
    coat = place + half * np.array([(0.1, 0.02), (0.22, -0.3), (0.4, -0.42), (0.55, -0.28), (0.6, 0)])
    canvas.shape(coat, OCHRE, rng)
    canvas.stroke(coat, BLACK, half * 0.07, rng, INK)
    hat = place + half * np.array([(0.13, -0.44), (0.4, -0.66), (0.66, -0.42)])
    canvas.shape(hat, DEEP, rng)
    rod = curve(place + half * np.array([(0.3, -0.2), (-0.5, -0.75), (-1.5, -1.0)]), 12)
    canvas.stroke(rod, BLACK, max(0.0012, half * 0.025), rng, replace(INK, taper=0.1))
