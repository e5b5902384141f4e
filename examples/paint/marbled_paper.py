"""Combed and curled marbling after Turkish ebru, by the mathematics of ink on water."""

import numpy as np
from PIL import Image, ImageDraw

from .core.colour import colours, jitter
from .core.fields import blur, grid, noise

REACH = 0.3  # the bath is this much wider than the paper on every side
THROWS = [  # colour, drops, radius: each throw squeezes the earlier ones into veins
    ("131a33", 90, 0.070),
    ("8e1b28", 110, 0.052),
    ("15616e", 110, 0.050),
    ("e0a030", 90, 0.040),
    ("1f3a7a", 90, 0.042),
    ("f3e6c9", 110, 0.030),
    ("c8452f", 110, 0.032),
    ("2f9a94", 90, 0.030),
    ("10131f", 150, 0.019),
    ("f6ecd6", 200, 0.012),
]
SPRINKLE = colours("f6ecd6 f6ecd6 131a33 e0a030 8e1b28 9fd0c4")
NESTS = [  # x, y, radius, turns of the curls drawn with a single needle
    (0.765, 0.245, 0.225, -1.5),
    (0.215, 0.60, 0.15, 1.25),
    (0.60, 0.83, 0.12, -1.2),
    (0.955, 0.61, 0.12, 1.0),
    (0.435, 0.085, 0.12, 1.1),
]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    bath = _bath(2 * size, rng)
    x, y = grid(2 * size)  # twice as fine as the print, to keep thin veins
    x, y = _comb(x, y)
    column, row = (np.clip((k + REACH) / (1 + 2 * REACH), 0, 0.9999) for k in (x, y))
    ink = bath[(row * len(bath)).astype(int), (column * len(bath)).astype(int)]
    ink = ink.reshape(size, 2, size, 2, 3).mean((1, 3))
    return _print(ink / 255, rng)


def _bath(size: int, rng: np.random.Generator) -> np.ndarray:
    """The stones: drops floating on the bath before any comb, and sprinkled specks on them."""
    image = Image.new("RGB", (int(size * (1 + 2 * REACH)),) * 2, "#131a33")
    pen = ImageDraw.Draw(image)
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    specks = []
    for spot in rng.uniform(-REACH, 1 + REACH, (6000, 2)):  # too small to push the others
        small = 0.0011 + 0.0036 * rng.random() ** 3
        specks.append((spot + small * circle, SPRINKLE[rng.integers(len(SPRINKLE))]))
    for ring, colour in [*_throw(rng), *specks]:
        fill, rim = ((255 * np.clip(c, 0, 1)).astype(int) for c in (colour, 0.85 * colour))
        pen.polygon([(u, v) for u, v in (ring + REACH) * size], tuple(fill), tuple(rim))
    return np.asarray(image)


def _throw(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Throw the colours: outlines (160, 2), oldest first, pushed apart by all later drops.

    A drop of radius r takes its room from nobody: what lay at distance d from its centre
    moves out to sqrt(d^2 + r^2), which keeps every older drop's area.
    """
    angle = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    rings = np.empty((sum(count for _, count, _ in THROWS), len(angle), 2), np.float32)
    tints: list[np.ndarray] = []
    for colour, count, radius in THROWS:
        for _ in range(count):
            centre, r = rng.uniform(-REACH, 1 + REACH, 2), radius * rng.uniform(0.5, 1.4)
            offset = rings[: len(tints)] - centre.astype(np.float32)
            offset *= np.sqrt(1 + r * r / ((offset**2).sum(-1, keepdims=True) + 1e-9))
            rings[: len(tints)] = offset + centre
            rings[len(tints)] = centre + r * np.stack([np.cos(angle), np.sin(angle)], 1)
            tints.append(jitter(colours(colour)[0], rng, 0.02, 0.012))
    return list(zip(rings, tints, strict=True))


def _tines(across: np.ndarray, gap: float, pull: float, back: bool = False) -> np.ndarray:
    """How far a comb drags the ink at ``across``; with ``back``, every other tine returns."""
    tine = np.round(across / gap)
    near = np.exp(-np.abs(across / gap - tine) * 5) - np.exp(-2.5)
    return pull * near * np.where(back & (tine % 2 > 0), -1, 1)


def _comb(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the ink now at (x, y) floated before the combing, so the last pull comes first."""
    for cx, cy, radius, turns in NESTS:
        dx, dy = x - cx, y - cy
        turn = 2 * np.pi * turns * np.clip(1 - np.hypot(dx, dy) / radius, 0, 1) ** 1.6
        c, s = np.cos(turn), np.sin(turn)
        x, y = cx + c * dx - s * dy, cy + s * dx + c * dy
    smooth = 1 / (1 + np.exp(-12 * (0.62 * x - y + 0.12)))  # hardly combed stones, top right
    pull = 1 - 0.97 * smooth
    for phase in (0, np.pi):  # two rows of teeth, waving against each other: peacock eyes
        lane = x - 0.05 * np.sin(2 * np.pi * y / 0.25 + phase) + (0.0625 if phase else 0)
        y = y - pull * _tines(lane, 0.125, 0.05)
    y = y - pull * _tines(x, 0.0235, 0.035)
    x = x + pull * _tines(y, 0.055, 0.26, back=True)
    return x, y


def _print(ink: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Lift the floating ink onto paper: uneven uptake, fibres, grain and pinholes."""
    size = len(ink)
    _, y = grid(size)
    fine = rng.normal(size=(size, size)).astype(np.float32)
    fibre = blur(fine, 1.6 / 1024) * 3.2 + 0.35 * fine
    uptake = 0.10 * noise(size, 6, rng, 6) + 0.05 * np.sin(y * 260 + 3 * noise(size, 5, rng, 2))
    thin = np.clip(0.05 + 0.6 * uptake + 0.04 * fibre, 0, 0.6)[..., None]
    paper = colours("efe2c6")[0]
    lit = ink * (1 - thin) + paper * thin + 0.016 * fibre[..., None]
    return Image.fromarray((np.clip(lit, 0, 1) * 255 + 0.5).astype(np.uint8))
