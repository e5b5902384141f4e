"""Irises by a lake at sunrise in leaded glass, after the Gothic cathedrals and Tiffany."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, Canvas
from .core.colour import colours, jitter
from .core.fields import blur, grid, noise, scatter
from .core.shapes import below, curve, ellipse, mask

SUN = colours("ffd23c f0641a")
SKY = colours("ffb52e f4701f d8322a a01f4e 8a28a0 4a32b4 2f49c0 1c6ad0")
HILL, LAKE = colours("1f5a4a 2f8a54 5a3f9a 16407a"), colours("12308f 1d5fc4 1fa0b8 3fd0c0 2a7ad8")
LEAF, IRIS = colours("0e6a3a 2fa04a 86c43a 147a5a"), colours("4a1fa0 7a3fd0 a878ec 2f2fb8")
WING, LEAD = colours("fff6dc cfe4f4 f4dcc0"), colours("17161a")[0]
SUN_AT = np.array([0.60, 0.27])
# Petals of an iris as outlines around its heart: the falls, then the standards over them.
PETALS = [
    [(0, 0), (-0.35, 0.05), (-0.85, 0.25), (-1.0, 0.75), (-0.65, 0.95), (-0.35, 0.55)],
    [(0, 0), (0.35, 0.05), (0.85, 0.25), (1.0, 0.75), (0.65, 0.95), (0.35, 0.55)],
    [(0, 0.02), (-0.32, 0.35), (-0.30, 0.95), (0, 1.2), (0.30, 0.95), (0.32, 0.35)],
    [(0, 0.05), (-0.5, -0.25), (-0.62, -0.75), (-0.30, -1.0), (0.0, -0.6)],
    [(0, 0.05), (0.5, -0.25), (0.62, -0.75), (0.30, -1.0), (0.0, -0.6)],
    [(0, 0.08), (-0.24, -0.3), (-0.22, -0.85), (0.0, -1.15), (0.22, -0.85), (0.24, -0.3)],
]
FLOWERS = [(0.17, 0.47, 0.125), (0.34, 0.68, 0.10), (0.84, 0.60, 0.115), (0.70, 0.79, 0.085),
           (0.06, 0.75, 0.085)]  # fmt: skip
BIRDS = [(0.28, 0.20, 0.105, 1), (0.47, 0.40, 0.065, 1), (0.86, 0.13, 0.07, -1)]
BIRD = [
    [(0.1, 0.05), (-0.2, -0.25), (-0.75, -0.75), (-1.25, -0.85), (-0.95, -0.45), (-0.35, 0.12)],
    [(0.15, 0.05), (0.25, -0.35), (0.65, -0.95), (1.1, -1.2), (0.85, -0.6), (0.35, 0.1)],
    [(-0.85, 0.30), (-0.4, 0.02), (0.2, -0.04), (0.62, -0.02), (0.95, 0.10), (0.1, 0.26)],
]


class Window:
    """A cartoon: which piece of glass lies at each pixel, and the colour of every piece."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        """Start with one clear pane."""
        self.piece = np.zeros((size, size), np.int32)
        self.tint = [SKY[0]]
        self.rng = rng

    def cut(self, outline: np.ndarray, tint: np.ndarray) -> None:
        """Cut one piece to this outline."""
        self.split(mask(outline, len(self.piece)) > 0.5, np.zeros_like(self.piece), tint[None])

    def split(self, where: np.ndarray, number: np.ndarray, tints: np.ndarray) -> None:
        """Cut the pieces ``number`` (size, size) out of a region, in these colours by number."""
        kinds, local = np.unique(number[where], return_inverse=True)
        self.piece[where] = local + len(self.tint)
        self.tint += list(jitter(tints[kinds % len(tints)], self.rng, 0.05, 0.025))


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    x, y = grid(size)
    window = Window(size, rng)
    _landscape(window, x, y)
    for bx, by, span, way in BIRDS:
        for part, tint in zip(BIRD, WING, strict=True):
            window.cut(curve(np.array(part) * (way * span, span) + (bx, by), 40, closed=True), tint)
    _irises(window)

    # Antique glass: every piece shades in a direction of its own, with streaks and bubbles.
    piece, count = window.piece, len(window.tint)
    lean, tone = rng.uniform(0, 2 * np.pi, count)[piece], np.array(window.tint)[piece]
    streaks = [noise(size, 6, rng, 5), noise(size, 30, rng, 4)]
    across = x * np.cos(lean) + y * np.sin(lean)
    swirl = np.sin(26 * across + 3.5 * streaks[0]) + 0.45 * np.sin(110 * across + 8 * streaks[0])
    seen = 0.22 * swirl + 0.24 * streaks[0] + 0.13 * streaks[1] + 0.05 * noise(size, 200, rng, 1)
    canvas = Canvas(size, np.clip(tone * (1 + seen[..., None]) + 0.05 * seen[..., None], 0, 1), rng)
    bubbles = scatter(0.021, rng)
    for shift, gain in ((0.0009, 0.55), (0, 1.3)):
        spots = np.clip((bubbles * size).astype(int), 0, size - 1)
        shine = np.clip(gain * canvas.rgb[spots[:, 1], spots[:, 0]], 0, 1)
        canvas.dots(bubbles + shift, shine, 0.0016, rng, 0.3)
    _grisaille(canvas, rng)

    change = np.zeros((size, size), np.float32)
    change[:, 1:] = piece[:, 1:] != piece[:, :-1]
    change[1:] = np.maximum(change[1:], piece[1:] != piece[:-1])
    near = blur(change, 0.0027) * size / 1024
    came = np.clip((near - 0.055 - 0.05 * noise(size, 9, rng, 2)) * 26, 0, 1)[..., None]
    grime = 1 - 0.75 * np.clip(3.2 * blur(change, 0.008) * size / 1024, 0, 0.75)[..., None]
    lit = canvas.rgb * grime
    glow = np.stack([blur(lit[..., k] ** 2, 0.013) for k in range(3)], -1)
    lit = np.clip(1.05 * lit + 0.38 * glow, 0, 1)
    dull = LEAD * (1 + 0.6 * streaks[1] + 0.4 * streaks[0])[..., None] + 0.18 * glow
    canvas.rgb = (lit * (1 - came) + dull * came).astype(np.float32)
    canvas.height += came[..., 0] * (0.6 + 2.5 * np.minimum(near, 0.4) + 0.35 * streaks[1])
    return canvas.finish(relief=0.75, grain=0.02)


def _landscape(window: Window, x: np.ndarray, y: np.ndarray) -> None:
    """A sky in rings and rays around the sun, hills, and a lake in long ripples."""
    rng = window.rng
    dx, dy = x - SUN_AT[0], y - SUN_AT[1]
    far, turn = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi) + 0.5
    reach = np.array([0.105, 0.165, 0.235, 0.315, 0.40, 0.49, 0.60, 0.73])
    ring = np.digitize(far * (1 + 0.05 * np.sin(18 * np.pi * turn)), reach)
    rays = np.array([1, 18, 18, 27, 27, 36, 36, 45, 45])[ring]
    slant = turn * rays + 0.5 * (ring % 2) + 0.25 * np.sin(40 * far)
    number = ring + 9 * (slant.astype(int) % rays)
    heat = np.vstack([SUN[:1], SKY])
    window.split(far < 2, number, np.tile(heat, (45, 1)))
    for row, line in enumerate([
        [(-0.05, 0.52), (0.15, 0.43), (0.32, 0.52), (0.5, 0.555), (0.72, 0.47), (1.05, 0.53)],
        [(-0.05, 0.57), (0.22, 0.53), (0.48, 0.60), (0.8, 0.545), (1.05, 0.58)],
    ]):  # fmt: skip
        land = mask(below(curve(line)), len(x)) > 0.5
        window.split(land, (x * 7 + 2.2 * y + row / 2).astype(int), HILL[2 * row :])
    wave = 26 * np.maximum(y - 0.60, 0) ** 0.85 + 0.45 * np.sin(11 * x + 9 * y) + 0.25 * np.sin(23 * x)
    band = wave.astype(int)
    column = (x * (9 - 0.35 * band) + 0.37 * band + 0.25 * np.sin(30 * y)).astype(int)
    tints = LAKE[rng.integers(5, size=600)]
    tints[rng.random(600) < 0.12] = SUN[0]
    window.split(y > 0.605 + 0.008 * np.sin(14 * x), band + 40 * column, tints)


def _irises(window: Window) -> None:
    """Sword leaves and stems first, then the flowers over them."""
    rng = window.rng
    for fx, fy, span in FLOWERS:
        for lean in rng.permutation([-1.1, -0.6, 0.8]):
            tip = (fx + lean * span, fy + span * rng.uniform(0.5, 1.5))
            middle = (fx + 0.75 * lean * span, 0.6 + 0.4 * fy)
            spine = curve([(fx + 0.6 * lean * span, 1.06), middle, tip], 24)
            wide = 0.034 * np.linspace(1, 0.02, 24)[:, None] ** 0.6 * (1, 0)
            window.cut(np.vstack([spine - wide, spine[::-1]]), LEAF[rng.integers(4)])
            window.cut(np.vstack([spine, (spine + 0.8 * wide)[::-1]]), LEAF[rng.integers(4)])
        stem = curve([(fx, fy), (fx + 0.02, 0.5 * fy + 0.5), (fx + 0.01, 1.06)], 20)
        window.cut(np.vstack([stem - (0.013, 0), stem[::-1] + (0.013, 0)]), LEAF[1])
    for fx, fy, span in FLOWERS:
        for k, petal in enumerate(PETALS):
            outline = curve(np.array(petal) * span + (fx, fy), 44, closed=True)
            window.cut(outline, IRIS[k % 3 if k < 5 else 3])
            if k < 3:  # the tongue of gold on every fall
                tx, ty = 0.45 * outline.mean(0) + 0.55 * np.array([fx, fy + 0.1 * span])
                tongue = ellipse(tx, ty, 0.10 * span, 0.17 * span, (0.9, -0.9, 0)[k])
                window.cut(tongue, SUN[0])


def _grisaille(canvas: Canvas, rng: np.random.Generator) -> None:
    """Veins and feathers, drawn on the glass in dark enamel before it is fired."""
    pen = replace(INK, opacity=0.6)
    for fx, fy, span in FLOWERS:
        for petal in PETALS:
            outline = curve(np.array(petal), 30, closed=True)
            for k in range(2, 29, 2):
                vein = curve([(0, 0.03), 0.5 * outline[k] + (0.04, 0), 0.93 * outline[k]], 9)
                canvas.stroke(vein * span + (fx, fy), IRIS[0] * 0.4, 0.0026, rng, pen)
    for bx, by, span, way in BIRDS:
        for part in BIRD[:2]:
            outline = curve(np.array(part), 30, closed=True)
            for k in range(15):
                quill = np.array([outline[k + 2], 0.25 * outline[k + 2] + 0.75 * outline[-k - 4]])
                canvas.stroke(quill * (way * span, span) + (bx, by), LEAD, 0.0022, rng, pen)
        canvas.dots(np.array([[bx + 0.72 * way * span, by + 0.03 * span]]), LEAD[None], 0.004, rng)
    for turn in np.arange(0, 2 * np.pi, np.pi / 24):
        ray = np.array([(np.cos(turn), np.sin(turn))])
        for start, stop in ((0.035, 0.075), (0.085, 0.098)):
            line = SUN_AT + ray * np.linspace(start, stop, 4)[:, None]
            canvas.stroke(line, SUN[1], 0.004, rng, pen)
