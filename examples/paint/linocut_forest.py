"""A moonlit winter forest cut in lino, black over vermilion, after the German Expressionists."""

import numpy as np
from PIL import Image

from .core.canvas import Brush, Canvas
from .core.colour import colours
from .core.fields import along, at, blur, grid, noise, scatter, trace
from .core.shapes import below, curve, mask

MAP = 512  # the side of the maps that plan the picture
PAPER, VERMILION, BLACK = colours("efe3c8 d8401f 191614")
INKED, CUT = np.ones(3), np.zeros(3)  # what a place on a block prints: everything, or nothing
GOUGE = Brush(streak=0, dry=0, thick=0, taper=0.35, ragged=0.5)
KNIFE = Brush(streak=0, dry=0, thick=0, taper=0, ragged=0)
MOON_X, MOON_Y, MOON_R = 0.60, 0.27, 0.125
RIDGES = [  # from far to near
    [(0, 0.52), (0.12, 0.47), (0.27, 0.55), (0.45, 0.50), (0.68, 0.57), (0.85, 0.48), (1, 0.52)],
    [(0, 0.60), (0.20, 0.64), (0.42, 0.59), (0.65, 0.66), (0.86, 0.60), (1, 0.63)],
    [(0, 0.79), (0.18, 0.74), (0.38, 0.79), (0.60, 0.73), (0.80, 0.77), (1, 0.72)],
]
TRUNKS = [  # foot x, foot y, lean, width
    (0.33, 0.75, 0.02, 0.026),
    (0.74, 0.74, -0.03, 0.022),
    (0.47, 0.79, -0.05, 0.016),
    (0.20, 0.88, 0.04, 0.046),
    (0.87, 0.93, -0.02, 0.066),
    (0.05, 1.04, -0.02, 0.080),
]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Print the picture."""
    x, y = grid(MAP)
    far = np.hypot(x - MOON_X, y - MOON_Y)
    key, tint = Canvas(size, INKED, rng), Canvas(size, INKED, rng)
    rings = far + 0.012 * noise(MAP, 5, rng, 2)
    glow = np.clip(1.3 - 1.9 * far + 0.3 * noise(MAP, 5, rng, 2), 0.15, 1)
    _carve(key, rings, glow, far > MOON_R, 0.0135, 0.11, rng)
    _carve(tint, rings + 0.005, np.clip(1.5 - 4.5 * far, 0, 1), far > MOON_R, 0.02, 0.06, rng)
    _carve(key, x + 0.6 * y, far * 0 + 1.5, far < MOON_R, 0.011, 0.06, rng)
    _carve(tint, x + 0.6 * y, far * 0 + 1.5, far < MOON_R + 0.01, 0.01, 0.05, rng)

    for depth, ridge in enumerate(RIDGES):
        line = curve(ridge, 120)
        key.shape(below(line), INKED, rng, KNIFE)
        tint.shape(below(line), CUT, rng, KNIFE)
        if depth < 2:
            _firs(key, line, 0.05 + 0.045 * depth, rng)
        land = mask(below(line), MAP)
        fall = y - np.interp(x[0], *line.T)
        drift = fall + 0.03 * noise(MAP, 3 + depth, rng, 2) * np.clip(8 * fall, 0, 1)
        snow = np.clip(1.0 - 2.2 * fall + 0.5 * noise(MAP, 5, rng, 2), 0.25, 1.05)
        pitch = 0.009 + 0.0025 * depth
        _carve(key, drift, snow, blur(land, 0.003) > 0.97, pitch, 8 * pitch, rng)
        _carve(tint, drift, 1.1 - snow, land > 0.5, 1.3 * pitch, 0.08, rng, INKED)
    for trunk in TRUNKS:
        _tree(key, *trunk, rng)

    picture = _press(np.broadcast_to(PAPER, (size, size, 3)), VERMILION, tint, 0.8, rng)
    picture *= 1 + 0.012 * noise(size, 300, rng, 2)[..., None]
    sheet = Canvas(size, _press(picture, BLACK, key, 0.7, rng), rng)
    sheet.height += 0.35 * key.rgb[..., 0]
    return sheet.finish(relief=0.4, grain=0.02)


def _carve(
    block: Canvas, form: np.ndarray, light: np.ndarray, where: np.ndarray,
    pitch: float, length: float, rng: np.random.Generator, colour: np.ndarray = CUT,
) -> None:  # fmt: skip
    """Gouge rows ``pitch`` apart along the contours of a form, wider where there is light."""
    ways, slope = along(form), np.hypot(*np.gradient(form)) * MAP
    spots = scatter(pitch, rng)
    for _ in range(2):  # slide every mark to its row: ridges stay between, as under a real gouge
        way, rise = at(ways, spots), at(slope, spots)
        gap = (at(form, spots) % pitch - pitch / 2) / np.maximum(rise, 0.3)
        spots = spots + np.stack([way[:, 1], -way[:, 0]], 1) * gap[:, None]
    spots = spots[at(where, spots) & (rng.random(len(spots)) < 0.45)]
    lines = trace(ways, spots, length * rng.uniform(0.4, 1.2, len(spots)))
    for line, wide in zip(lines, at(light, spots) * pitch * 0.8, strict=True):
        inside = at(where, line)
        if wide > 0.1 * pitch and inside.sum() > 3:
            block.stroke(line[inside], colour, wide * rng.uniform(0.75, 1.25), rng, GOUGE)


def _firs(key: Canvas, line: np.ndarray, tall: float, rng: np.random.Generator) -> None:
    """Jagged black firs along a ridge, cut free from the sky and lit from the moon's side."""
    for foot in line[rng.permutation(len(line))[:30]]:
        reach = tall * rng.uniform(0.6, 1.5)
        tiers, teeth = np.linspace(0, 1, 10), np.where(np.arange(10) % 2, 0.55, 1.25)
        spread = 0.24 * reach * (1 - tiers) * teeth * rng.uniform(0.8, 1.2, 10)
        edge = np.stack([spread, -reach * tiers], 1)
        tree = np.vstack([edge, edge[::-1] * (-1, 1)])
        key.shape(foot + 1.25 * tree + (0, 0.1 * reach), CUT, rng, KNIFE)
        key.shape(foot + tree + (0, 0.02), INKED, rng, KNIFE)
        side = np.sign(MOON_X - foot[0])
        for rise in (0.15, 0.4, 0.65):
            cut = np.array([(0.02, -rise - 0.1), (0.2 * (1 - rise), -rise)]) * reach * (side, 1)
            key.stroke(foot + cut, CUT, 0.05 * reach, rng, GOUGE)


def _tree(key: Canvas, x: float, y: float, lean: float, width: float, rng: np.random.Generator) -> None:
    """A bare tree: its light outline is cut first, then the bark, brighter towards the moon."""
    heights = np.array([0, 0.08, 0.3, 0.6, 1.0])
    sway = np.cumsum(rng.normal(size=5)) * 0.006
    trunk = np.stack([x + lean * heights + sway, y - (y + 0.05) * heights], 1)
    stem, swell = curve(trunk, 40), np.interp(np.arange(40), [0, 2, 39], [1.5, 1, 0.55])
    limbs = [(stem, width * swell)]
    for rise in rng.uniform(0.3, 0.95, 9):
        start = stem[int(39 * rise)]
        side = rng.choice([-1, 1])
        for twig in range(3):  # an elbow, then twigs that turn up from it
            turn = rng.uniform(0.3, 1.0)
            reach = rng.uniform(1.2, 2.6) * width**0.5 * 0.2
            way = reach * np.array([side * np.cos(turn), -np.sin(turn)])
            bend = np.array([start, start + 0.5 * way + (0, 0.12 * reach), start + way])
            limbs.append((bend, width * (0.42 - 0.1 * twig) * np.array([1, 0.6, 0.15])))
            start = bend[1]
    for line, wide in limbs:
        key.stroke(line, CUT, wide + 0.009, rng, KNIFE)
    for line, wide in limbs:
        key.stroke(line, INKED, wide, rng, KNIFE)
    moonward = np.sign(MOON_X - x)
    for _ in range(int(1700 * width + 14)):
        k, across = rng.integers(39), moonward * rng.uniform(-0.12, 0.46)
        place = stem[k] + (across * swell[k] * width, 0)
        cut = place + np.array([(0, 0), (0.1 * width, 0.012), (0, 0.03)]) * rng.uniform(0.5, 1.5)
        key.stroke(cut, CUT, rng.uniform(0.003, 0.0055) * (0.7 + 7 * width), rng, GOUGE)


def _press(paper: np.ndarray, ink: np.ndarray, block: Canvas, thin: float, rng: np.random.Generator) -> np.ndarray:
    """Print a block: rolled ink lies unevenly and misses the paper here and there."""
    size = block.size
    salt = noise(size, 260, rng, 2) + 0.5 * noise(size, 6, rng, 3)
    cover = block.rgb[..., 0] * (1 - thin * np.clip(3 * salt - 2.5, 0, 1))
    ink = ink * (1 + 0.10 * noise(size, 60, rng, 3)[..., None])
    return paper + (ink - paper) * cover[..., None]
