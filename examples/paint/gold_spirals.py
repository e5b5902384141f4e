"""A tree of spirals between two mosaic cloaks, on gold leaf, after Gustav Klimt."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, Canvas
from .core.colour import colours, jitter, mix, ramp
from .core.fields import at, grid, noise, scatter
from .core.shapes import below, curve, ellipse, mask

MAP = 512  # the side of the map that tells one ornament from another
GOLD = colours("7d5414 a9761f c9962f dcb149 ecca6c f8e6a6")
BOLE, BLACK, WHITE, BARK = colours("5a2314 15110f f3ead2 b57f26")
GEMS = colours("b5322a 2f5f9c 3f7f5a e0772f 6c3f7e 1f8f94 d9527a f3ead2")
STERN = colours("15110f f3ead2 15110f 8d8a80 c9962f f3ead2 5b554c ecca6c")
MEADOW = colours("2c5138 4c7440 7f8f3c 2a5f66 a9962f")
CLOAKS = [
    [(-0.05, 0.70), (0.05, 0.56), (0.17, 0.50), (0.28, 0.57), (0.345, 0.72), (0.37, 1.05)],
    [(0.64, 1.05), (0.66, 0.76), (0.72, 0.61), (0.83, 0.53), (0.94, 0.59), (1.05, 0.72)],
]
TRUNK = [(0.475, 1.03), (0.49, 0.86), (0.515, 0.70), (0.50, 0.54), (0.49, 0.44)]
BOUGHS = [(-2.2, 0.125, -1), (-1.0, 0.14, 1), (-1.25, 0.115, -1)]  # heading, radius, hand
INLAY = replace(INK, streak=0.25, thick=0.7)
REED = replace(INK, taper=0.02, thick=0.8, streak=0.2)


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    canvas = Canvas(size, _leaf(size, rng), rng)
    for spot in scatter(0.017, rng):  # the gesso under the leaf is raised in dots
        canvas.dots(spot[None], jitter(GOLD[3], rng, 0.05)[None], 0.0028, rng, 1.0)

    turf = [(-0.05, 0.87), (0.3, 0.83), (0.6, 0.845), (1.05, 0.87)]
    meadow = below(curve(turf))
    canvas.shape(meadow, MEADOW[0], rng, INLAY)
    spots = scatter(0.0095, rng, mask(meadow, MAP))
    canvas.dots(spots, jitter(MEADOW[rng.integers(5, size=len(spots))], rng, 0.06), 0.0055, rng)
    for spot in scatter(0.04, rng, 0.8 * mask(meadow, MAP)):
        _gem(canvas, spot, 0.015 * rng.uniform(0.6, 1.2), rng)

    _tree(canvas, rng)
    for outline, stern in zip(CLOAKS, (True, False), strict=True):
        _cloak(canvas, below(curve(outline, 80)), stern, rng)
    return canvas.finish(relief=0.75, grain=0.03)


def _leaf(size: int, rng: np.random.Generator) -> np.ndarray:
    """Sheets of gold that overlap, crack down to the red bole, and glitter."""
    x, y = grid(size)
    cloud, fine = noise(size, 5, rng, 5), noise(size, 130, rng, 2)
    row = (y * 9.3 + 0.05 * cloud).astype(int)
    column = (x * 8.7 + 0.37 * row + 0.05 * cloud).astype(int)
    sheet = rng.normal(size=(64, 64))[row % 64, column % 64]
    edge = (row != np.roll(row, size // 256 + 1, 0)) | (column != np.roll(column, size // 256, 1))
    shine = 0.5 + 0.19 * sheet + 0.15 * cloud + 0.13 * fine + 0.3 * edge
    gold = ramp(GOLD, np.clip(shine + 0.5 * (fine > 0.85), 0, 1))
    crack = np.abs(noise(size, 11, rng, 4)) < 0.012 + 0.012 * cloud
    worn = np.clip(1.2 * (cloud + 0.6 * fine - 0.75), 0, 0.7)
    return mix(gold, BOLE, np.maximum(0.75 * crack, worn))


def _tree(canvas: Canvas, rng: np.random.Generator) -> None:
    """Boughs that roll up, and the next from the back of each roll, wherever it fits."""
    trunk = curve(TRUNK, 60)
    limbs: list[tuple[np.ndarray, float, int]] = []
    for heading, radius, hand in BOUGHS:
        limbs.append((_roll(trunk[-6], heading, radius, hand), radius, hand))
    occupied = np.array([[*line[-1], radius] for line, radius, _ in limbs])
    occupied = np.vstack([occupied, np.c_[trunk[::6], np.full(10, 0.03)]])
    for radius in np.geomspace(0.115, 0.018, 4000):
        line, parent, hand = limbs[rng.integers(len(limbs))]
        if radius > parent:
            continue
        k = int(rng.integers(8, 76))
        way = line[k + 1] - line[k]
        heading = np.arctan2(way[1], way[0]) - hand * rng.uniform(0.2, 0.9)
        child = _roll(line[k], heading, radius, -hand)
        x, y = child[-1]
        far = np.hypot(*(occupied[:, :2] - (x, y)).T)
        if (far > 1.05 * (occupied[:, 2] + radius)).all() and -0.05 < x < 1.05 and -0.05 < y < 0.74:
            limbs.append((child, radius, -hand))
            occupied = np.vstack([occupied, [x, y, radius]])
    for extra, tone in ((0.007, BLACK), (0.0, BARK)):
        for line, radius, _ in limbs:
            body = radius * np.interp(np.arange(len(line)), [0, 40, 119], [0.24, 0.20, 0.07])
            canvas.stroke(line, jitter(tone, rng, 0.03, 0.006), body + extra, rng, REED)
        girth = np.interp(np.arange(60), [0, 12, 45, 59], [0.15, 0.085, 0.066, 0.034])
        canvas.stroke(trunk, tone, girth + extra, rng, replace(REED, taper=0))
    for line, radius, _ in limbs:
        for k in range(6, 110, 6 if radius > 0.05 else 9):
            tone = (BLACK, WHITE, GOLD[5], GEMS[0])[rng.integers(4)]
            canvas.dots(line[k : k + 1], tone[None], 0.035 * radius + 0.0006, rng, 0.8)
        if radius > 0.06 and rng.random() < 0.4:
            _eye(canvas, line[-1], 0.24 * radius, rng)
        elif rng.random() < 0.6:
            _gem(canvas, line[-1], 0.22 * radius, rng)
    for step, level in enumerate(np.arange(0.02, 0.98, 0.028)):  # ornaments climb the trunk
        spot, width = trunk[int(level * 59)], np.interp(level, [0, 0.3, 1], [0.055, 0.034, 0.02])
        if step % 5 == 0:
            _eye(canvas, spot, width * 0.5, rng)
            continue
        for side in rng.uniform(-0.9, 0.9, 5):
            peak = np.array([(-0.28, 0.008), (0.28, 0.008), (0.0, -0.011)]) * (width, 1)
            canvas.shape(spot + (side * width, 0) + peak, STERN[rng.integers(8)], rng, INLAY)
        _gem(canvas, spot + (rng.uniform(-0.5, 0.5) * width, 0), 0.2 * width, rng)


def _roll(root: np.ndarray, heading: float, radius: float, hand: int) -> np.ndarray:
    """A line (120, 2) that sets off in a gentle arc and winds itself up evenly."""
    arc = np.linspace(0, 0.9, 30)
    wind = 0.9 + 17.5 * (1 - np.sqrt(1 - np.linspace(0, 0.985, 90)))
    angle = heading + hand * np.concatenate([arc, wind])
    step = radius * np.concatenate([np.full(30, 0.055), np.full(90, 17.5 / 2 / 90)])
    return root + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1) * step[:, None], 0)


def _cloak(canvas: Canvas, outline: np.ndarray, stern: bool, rng: np.random.Generator) -> None:
    """A gilded cloak: stern black and white blocks, or gentle rounds and flowers."""
    canvas.shape(outline, GOLD[3], rng, INLAY)
    inside = mask(outline, MAP) > 0.5
    grains = scatter(0.008, rng, inside)
    canvas.dots(grains, jitter(GOLD[rng.integers(1, 6, len(grains))], rng, 0.03), 0.004, rng)
    if stern:
        for top in np.arange(0.48, 1.02, 0.046):
            left = -0.02
            while left < 0.4:
                wide, tall = rng.uniform(0.012, 0.034), rng.choice([0.02, 0.043, 0.043])
                box = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)])
                for shrink in (1.0, 0.45) if wide > 0.02 else (1.0,):
                    block = (left, top) + box.mean(0) + (box - box.mean(0)) * shrink
                    if at(inside, block).all():
                        canvas.shape(block, jitter(STERN[rng.integers(8)], rng, 0.03), rng, INLAY)
                left += wide + 0.005
    else:
        for spot in scatter(0.052, rng, inside):
            _gem(canvas, spot, 0.026 * rng.uniform(0.6, 1.15), rng)
        for spot in scatter(0.024, rng, 0.5 * inside):
            _gem(canvas, spot, 0.008, rng)
    for tone, width in ((BLACK, 0.013), (GOLD[4], 0.008)):
        canvas.stroke(outline, tone, width, rng, replace(REED, taper=0))
    canvas.dots(outline[:80], np.tile(BLACK, (80, 1)), 0.0022, rng)


def _gem(canvas: Canvas, spot: np.ndarray, radius: float, rng: np.random.Generator) -> None:
    """A round of rings, like enamel, or a flower of beads around one."""
    for share in (1.0, 0.8, 0.5, 0.22):
        tone = BLACK if share == 1 else GEMS[rng.integers(8)]
        canvas.dots(spot[None], jitter(tone, rng, 0.03)[None], share * radius, rng, 0.9)
    if rng.random() < 0.5:
        ring = ellipse(spot[0], spot[1], 0.66 * radius, 0.66 * radius, count=9)
        canvas.dots(ring, np.tile(GOLD[5], (9, 1)), 0.14 * radius, rng, 0.9)


def _eye(canvas: Canvas, spot: np.ndarray, radius: float, rng: np.random.Generator) -> None:
    """An almond with a staring pupil."""
    lid = np.linspace(-1, 1, 13)
    almond = np.vstack([np.stack([lid, 0.62 * (lid**2 - 1)], 1), np.stack([-lid, 0.62 * (1 - lid**2)], 1)])
    for share, tone in ((1.45, BLACK), (1.2, GEMS[rng.integers(7)]), (0.9, WHITE)):
        canvas.shape(spot + share * radius * almond, tone, rng, INLAY)
    for share, tone in ((0.5, GEMS[rng.integers(7)]), (0.25, BLACK)):
        canvas.dots(spot[None], tone[None], share * radius, rng, 0.6)
