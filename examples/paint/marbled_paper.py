"""Combed and curled marbling after Turkish ebru, by the mathematics of ink on water."""

import numpy as np
from PIL import Image, ImageDraw

from .core.colour import colours, jitter
from .core.fields import blur, grid, noise

THROWS = [  # colour, drops, radius: each throw squeezes the earlier ones into veins
    ("131a33", 60, 0.085),
    ("8e1b28", 70, 0.062),
    ("15616e", 70, 0.060),
    ("e0a030", 60, 0.046),
    ("1f3a7a", 60, 0.050),
    ("f3e6c9", 70, 0.034),
    ("c8452f", 70, 0.040),
    ("2f9a94", 60, 0.034),
    ("10131f", 90, 0.022),
    ("f6ecd6", 120, 0.014),
]
SPRINKLE = colours("f6ecd6 f6ecd6 131a33 e0a030 8e1b28 9fd0c4")
NESTS = [  # x, y, radius, turns of the curls drawn with a single needle
    (0.785, 0.245, 0.215, 1.5),
    (0.215, 0.60, 0.15, -1.25),
    (0.60, 0.83, 0.12, 1.2),
    (0.965, 0.61, 0.10, -1.0),
    (0.435, 0.085, 0.10, -1.1),
]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the plate."""
    bath = [(_even(ring), colour) for ring, colour in _throw(rng)]
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    for spot in rng.uniform(-0.2, 1.2, (2600, 2)):  # too small to push the others
        small = 0.0012 + 0.0032 * rng.random() ** 3
        bath.append((spot + small * circle, SPRINKLE[rng.integers(len(SPRINKLE))]))

    floats = _comb(np.vstack([ring for ring, _ in bath]))
    image = Image.new("RGB", (2 * size, 2 * size), "#131a33")
    pen = ImageDraw.Draw(image)
    start = 0
    for ring, colour in bath:
        drop = floats[start : start + len(ring)] * 2 * size
        start += len(ring)
        fill, rim = ((255 * np.clip(c, 0, 1)).astype(int) for c in (colour, 0.7 * colour))
        pen.polygon([(u, v) for u, v in drop], tuple(fill), tuple(rim))
    return _print(np.asarray(image.reduce(2), np.float32) / 255, rng)


def _throw(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Throw the colours: outlines (300, 2), oldest first, pushed apart by all later drops.

    A drop of radius r takes its room from nobody: what lay at distance d from its centre
    moves out to sqrt(d^2 + r^2), which keeps every older drop's area.
    """
    angle = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    rings = np.empty((sum(count for _, count, _ in THROWS), len(angle), 2), np.float32)
    tints: list[np.ndarray] = []
    for colour, count, radius in THROWS:
        for _ in range(count):
            centre, r = rng.uniform(-0.25, 1.25, 2), radius * rng.uniform(0.5, 1.4)
            away = rings[: len(tints)] - centre.astype(np.float32)
            away *= np.sqrt(1 + r * r / ((away**2).sum(-1, keepdims=True) + 1e-9))
            rings[: len(tints)] = away + centre
            rings[len(tints)] = centre + r * np.stack([np.cos(angle), np.sin(angle)], 1)
            tints.append(jitter(colours(colour)[0], rng, 0.02, 0.012))
    return list(zip(rings, tints, strict=True))


def _even(ring: np.ndarray, step: float = 0.002) -> np.ndarray:
    """Space an outline's points evenly, so that the comb finds enough of them."""
    loop = np.vstack([ring, ring[:1]])
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(loop, axis=0).T))])
    place = np.arange(0, length[-1], step)
    return np.stack([np.interp(place, length, loop[:, k]) for k in range(2)], 1)


def _tines(across: np.ndarray, gap: float, pull: float, back: bool = False) -> np.ndarray:
    """How far a comb drags the ink at ``across``; with ``back``, every other tine returns."""
    tine = np.round(across / gap)
    near = np.exp(-np.abs(across / gap - tine) * 5) - np.exp(-2.5)
    return pull * near * np.where(back & (tine % 2 > 0), -1, 1)


def _comb(p: np.ndarray) -> np.ndarray:
    """Comb floating points (N, 2): to and fro, then finely down, then in peacock waves."""
    x, y = p.T
    calm = 1 / (1 + np.exp(-16 * (0.62 * x - y + 0.22)))  # uncombed stones, top right
    pull = 1 - 0.93 * calm
    x = x + pull * _tines(y, 0.09, 0.14, back=True)
    y = y + pull * _tines(x, 0.0235, 0.085)
    for phase in (0, np.pi):  # two rows of teeth, waving against each other
        sway = 0.055 * np.sin(2 * np.pi * y / 0.235 + phase)
        lane = x - sway + (0.0625 if phase else 0)
        y = y - pull * _tines(lane, 0.125, 0.075)
    for cx, cy, radius, turns in NESTS:
        dx, dy = x - cx, y - cy
        turn = 2 * np.pi * turns * np.clip(1 - np.hypot(dx, dy) / radius, 0, 1) ** 1.6
        c, s = np.cos(turn), np.sin(turn)
        x, y = cx + c * dx - s * dy, cy + s * dx + c * dy
    return np.stack([x, y], 1)


def _print(ink: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Lift the floating ink onto paper: uneven uptake, fibres, grain and pinholes."""
    size = len(ink)
    _, y = grid(size)
    fine = rng.normal(size=(size, size)).astype(np.float32)
    fibre = blur(fine, 1.6 / 1024) * 3.2 + 0.35 * fine
    uptake = 0.10 * noise(size, 6, rng, 6) + 0.05 * np.sin(y * 260 + 3 * noise(size, 5, rng, 2))
    thin = np.clip(0.10 + uptake + 0.07 * fibre, 0, 0.6)[..., None]
    paper = colours("efe2c6")[0]
    lit = ink * (1 - thin) + paper * thin + 0.022 * fibre[..., None]
    return Image.fromarray((np.clip(lit, 0, 1) * 255 + 0.5).astype(np.uint8))
