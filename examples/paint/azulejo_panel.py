"""Caravels and sea creatures in cobalt on tin-glazed tiles, after the azulejos of Portugal."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from .core.canvas import OIL, Canvas
from .core.colour import colours, mix, ramp
from .core.fields import grid, noise
from .core.shapes import below, curve, mask

TILES = 7
GLAZE = colours("f4f3ea e0e9f0 a9c4e2 6590cc 2f5cab 17388a 0c1f58")  # by how much cobalt lies on it
GROUT, CLAY = colours("8d8f8c b98a63")
LINER = replace(OIL, thick=0, streak=0, dry=0.06, taper=0.25, ragged=0.2, opacity=0.92)
HULL = [(-0.95, -0.16), (-0.88, -0.40), (-0.62, -0.38), (-0.55, -0.12), (0.45, -0.10),
        (0.62, -0.3), (0.98, -0.36), (0.8, 0.02), (0.6, 0.2), (-0.7, 0.2), (-0.86, 0)]  # fmt: skip
MASTS = [(0.04, -1.80), (0.70, -1.22), (-0.50, -1.30)]
SAILS = [  # bellied by the wind
    [(-0.32, -1.22), (0.34, -1.22), (0.52, -0.85), (0.42, -0.46), (-0.34, -0.46), (-0.18, -0.85)],
    [(-0.20, -1.64), (0.26, -1.64), (0.38, -1.46), (0.33, -1.28), (-0.26, -1.28), (-0.12, -1.46)],
    [(0.50, -1.02), (0.92, -1.02), (1.06, -0.76), (0.98, -0.48), (0.52, -0.48), (0.62, -0.76)],
    [(-0.36, -1.26), (-0.62, -0.90), (-0.98, -0.50), (-0.72, -0.52), (-0.46, -0.54), (-0.36, -0.8)],
]
BODY = [(1, 0), (0.7, -0.22), (0.2, -0.34), (-0.4, -0.22), (-0.72, -0.06), (-1.1, -0.36), (-1, 0),
        (-1.1, 0.36), (-0.72, 0.07), (-0.4, 0.24), (0.2, 0.34), (0.72, 0.2)]  # fmt: skip
SHIPS = [(0.86, 0.585, 0.085), (0.47, 0.595, 0.275)]  # x, y, size
FISH = [(0.22, 0.78, 0.12, 0.15), (0.64, 0.765, 0.085, 3.3), (0.80, 0.895, 0.11, 2.95),
        (0.47, 0.915, 0.08, -0.2)]  # x, y, size, turn  # fmt: skip
SHELLS = [(0.09, 0.945, 0.075, -0.4), (0.93, 0.755, 0.06, 0.4), (0.315, 0.985, 0.055, 0.1)]
CLOUDS = [(0.21, 0.45, 0.10), (0.84, 0.42, 0.11), (0.66, 0.20, 0.10), (0.33, 0.25, 0.08),
          (0.05, 0.55, 0.10)]  # fmt: skip
SWEEP = curve([(0, 0), (0.03, -0.004), (0.05, 0.004), (0.09, 0)], 9)
SCROLLS = [(-0.03, 0.36, 0.075, -1.3), (0.02, 0.30, 0.04, 0.5), (0.0, 0.045, 0.055, -0.15),
           (0.20, 0.025, 0.034, 0.2)]  # fmt: skip


class Glaze:
    """Cobalt on raw white glaze: every touch adds to what lies there, and pools at its edge."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        """Start with bare white; the first channel of the canvas counts the cobalt."""
        self.canvas = Canvas(size, np.zeros(3), rng)
        self.flow = 0.75 + 0.35 * noise(size, 14, rng, 4)
        self.rng = rng

    def wash(self, outline: np.ndarray, cobalt: float) -> None:
        """Fill an outline with thin colour, which the water carries to its rim."""
        wet = Image.fromarray((mask(outline, self.canvas.size) * 255).astype(np.uint8))
        soft = wet.filter(ImageFilter.GaussianBlur(self.canvas.size / 170))
        pool = np.asarray(wet, np.float32) * (510 - np.asarray(soft, np.float32)) / 255**2
        layer = (cobalt * self.flow * pool)[..., None]
        self.canvas.rgb += layer * (1 - 0.6 * self.canvas.rgb)

    def line(self, points: np.ndarray, cobalt: float, width: float | np.ndarray) -> None:
        """One touch of the liner, which fades where it sets down and lifts; a contour does not."""
        cobalt = cobalt * self.rng.uniform(0.8, 1.1)
        brush = replace(LINER, taper=0) if (points[0] == points[-1]).all() else LINER
        self.canvas.stroke(points, np.full(3, cobalt), width, self.rng, brush)

    def form(self, outline: np.ndarray, cobalt: float, width: float) -> None:
        """Wipe a shape clean, wash it, and draw its contour."""
        self.canvas.shape(outline, np.full(3, 0.02), self.rng, replace(LINER, opacity=0.95))
        self.wash(outline, cobalt)
        self.line(np.vstack([outline, outline[:1]]), 1.0, width)


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    glaze = Glaze(size, rng)
    for x, y, span in CLOUDS:
        _cloud(glaze, x, y, span)
    for row in np.linspace(0, 1, 12) ** 1.3:
        _wave(glaze, 0.60 + 0.42 * row, 0.045 + 0.075 * row)
    for *place, span in SHIPS:
        _ship(glaze, np.array(place), span)
    for *place, span, turn in FISH:
        _fish(glaze, np.array(place), span, turn)
    for *place, span, turn in SHELLS:
        _shell(glaze, np.array(place), span, turn)
    for *place, span, turn in SCROLLS:
        for flip in (1, -1):
            _acanthus(glaze, np.array(place), span, turn, flip)
    return _fire(glaze, size, rng)


def _cloud(glaze: Glaze, x: float, y: float, span: float) -> None:
    """Puffs of thin colour with the sweep of the brush around each."""
    turn = np.linspace(0.95 * np.pi, 2.05 * np.pi, 14)
    arc = np.stack([np.cos(turn), 0.8 * np.sin(turn)], 1)
    for puff in np.linspace(-1, 1, 7):
        swell = span * (0.5 - 0.25 * abs(puff)) * glaze.rng.uniform(0.8, 1.2)
        spot = np.array([x + puff * span, y - 0.5 * swell])
        for ring in (1.0, 0.72, 0.42):
            glaze.line(spot + swell * ring * arc, 0.15, 0.4 * swell * ring)
            glaze.line(spot + swell * ring * arc, 0.75 * ring, 0.005 * ring)
    for _ in range(60):
        start = glaze.rng.uniform((x - 2 * span, y - span), (x + 2 * span, y + 0.7 * span))
        glaze.line(start + SWEEP, 0.28, 0.009)


def _wave(glaze: Glaze, level: float, pitch: float) -> None:
    """A row of crests over short strokes; the washes of all the rows deepen towards us."""
    x = np.arange(-0.05, 1.06, 0.008)
    crest = level - 0.28 * pitch * np.abs(np.sin(np.pi * (x / pitch + glaze.rng.random()))) ** 0.8
    line = np.stack([x, crest], 1)
    glaze.wash(below(line), glaze.rng.uniform(0.03, 0.14))
    glaze.line(line, 0.9, 0.003 + 0.05 * pitch)
    for k in range(2, 6):
        for piece in np.array_split(line + (0.1 * pitch * k, 0.16 * pitch * k), 22):
            if glaze.rng.random() < 0.75:
                glaze.line(piece, 0.85 - 0.08 * k, 0.003 + 0.04 * pitch)


def _ship(glaze: Glaze, place: np.ndarray, span: float) -> None:
    """A caravel under full sail."""

    def put(points: list[tuple[float, float]], count: int = 40) -> np.ndarray:
        return curve(np.array(points) * span + place, count)

    for x, top in MASTS:
        glaze.line(put([(x, -0.1), (x + 0.01, top)]), 1.0, 0.045 * span)
        pennant = put([(x, top), (x - 0.16, top - 0.05), (x - 0.34, top + 0.02), (x - 0.5, top)])
        glaze.line(pennant, 0.75, span * np.linspace(0.10, 0.02, 40))
        for foot in (-0.3, -0.15, 0.15, 0.3):
            glaze.line(put([(x, top + 0.15), (x + foot, -0.15)], 8), 0.7, 0.009 * span)
    for sail in SAILS:
        outline = put([*sail, sail[0]], 72)
        glaze.form(outline, 0.10, 0.024 * span)
        lee, luff = outline[12:36], outline[:35:-1][:24]
        for share in np.linspace(0.04, 0.6, 12):
            glaze.line(lee + (luff - lee) * share, 0.55 - 0.5 * share, 0.028 * span)
    for arm in ([(-0.16, -0.84), (0.36, -0.84)], [(0.09, -1.12), (0.10, -0.56)]):
        glaze.line(put(arm, 12), 0.95, span * (0.05 + 0.06 * np.abs(np.linspace(-1, 1, 12))))
    glaze.form(put([*HULL, HULL[0]], 80), 0.6, 0.026 * span)
    for level in np.linspace(-0.06, 0.18, 6):
        plank = [(-0.9 + 0.5 * level, level - 0.08), (0, level), (0.84 - level, level - 0.10)]
        glaze.line(put(plank), 0.98, 0.02 * span)
    for port in np.linspace(-0.6, 0.5, 7):
        glaze.line(put([(port, 0.03), (port + 0.07, 0.03)], 5), 0.05, 0.05 * span)


def _fish(glaze: Glaze, place: np.ndarray, span: float, turn: float) -> None:
    """A round-bellied fish with scales and rayed fins."""
    c, s = span * np.cos(turn), span * np.sin(turn)

    def put(x: object, y: object) -> np.ndarray:
        return np.array([x, y]).T @ np.array([(c, s), (-s, c)]) + place

    for side in (-1, 1):
        for k in np.linspace(-0.35, 0.35, 9):
            fin = put((k, k - 0.16), (0.26 * side, (0.53 - 0.4 * k * k) * side))
            glaze.line(fin, 0.95, 0.05 * span)
    glaze.form(put(*curve(BODY, 60, closed=True).T), 0.3, 0.05 * span)
    arc = np.linspace(-1.25, 1.25, 9)
    for x in np.arange(-0.55, 0.5, 0.115):
        for y in np.arange(-0.24, 0.25, 0.1):
            if abs(y) < 0.25 - 0.28 * (x - 0.2) ** 2:
                glaze.line(put(x - 0.07 * np.cos(arc), y + 0.06 * np.sin(arc)), 0.8, 0.035 * span)
    for k in np.linspace(-0.3, 0.3, 7):
        glaze.line(put((-0.75, -1.05), (0.2 * k, k)), 0.8, 0.04 * span)
    glaze.line(put(0.62 - 0.12 * np.cos(arc), 0.24 * np.sin(arc)), 0.9, 0.045 * span)
    for tone, radius in ((0.0, 0.085), (1.0, 0.05)):
        glaze.canvas.dots(put((0.76,), (-0.06,)), np.full((1, 3), tone), radius * span, glaze.rng, 0)


def _shell(glaze: Glaze, place: np.ndarray, span: float, turn: float) -> None:
    """A scallop: ribs from the hinge to a wavy rim."""
    angle = turn - np.pi / 2 + np.linspace(-1.15, 1.15, 90)
    swell = span * (1 + 0.05 * np.cos(np.arange(90) * 0.63))
    rim = np.stack([np.cos(angle), np.sin(angle)], 1) * swell[:, None]
    glaze.form(np.vstack([[place], rim + place]), 0.25, 0.06 * span)
    for rib in rim[5::10]:
        glaze.line(place + np.outer((0.08, 0.95), rib), 0.7, span * np.array([0.02, 0.11]))
    for ring in (0.6, 0.8):
        glaze.line(rim * ring + place, 0.6, 0.03 * span)


def _acanthus(glaze: Glaze, root: np.ndarray, span: float, turn: float, flip: int) -> None:
    """A stem that winds up, and on its back leaves of three comma strokes each."""
    angle = turn + np.interp(np.arange(120), [0, 12, 119], [0, 0, 11.5])
    way = np.stack([np.cos(angle), np.sin(angle)], 1)
    line = root + np.cumsum(way * span * np.linspace(0.12, 0.014, 120)[:, None], 0)
    line, way = (line - (0.5, 0)) * (flip, 1) + (0.5, 0), way * (flip, 1)
    back = np.stack([way[:, 1], -way[:, 0]], 1) * flip
    for k in range(2, 104, 7):
        reach = span * (0.95 - 0.007 * k)
        for lean, long in ((0.2, 0.65), (1.5, 0.75), (0.7, 1.0)):
            tip = (way[k] + lean * back[k]) * reach * long / np.hypot(1, lean)
            bulge = 0.12 * reach * back[k]
            comma = line[k] + curve([0 * tip, 0.4 * tip + bulge, tip, 0.95 * tip - bulge], 16)
            fat = reach * np.interp(np.arange(16), [0, 11, 15], [0.08, 0.36, 0.2])
            glaze.line(comma, 0.95, fat + 0.07 * span)
            glaze.line(comma, 0.4, fat)
            glaze.line(comma, 0.85, 0.2 * fat)
    for cobalt, width in ((1.0, 0.17), (0.3, 0.11), (0.75, 0.03)):
        glaze.line(line, cobalt, span * np.linspace(width, 0.4 * width, 120))


def _fire(glaze: Glaze, size: int, rng: np.random.Generator) -> Image.Image:
    """Bake the tiles: the glaze sinks, crazes and chips, no tile quite like its neighbour."""
    x, y = grid(size)
    tile = (y * TILES).astype(int) * TILES + (x * TILES).astype(int)
    warm, strength = rng.normal(size=(2, TILES * TILES))
    fine = noise(size, 150, rng, 2)
    cobalt = glaze.canvas.rgb[..., 0] * (1 + 0.13 * strength[tile] + 0.18 * fine)
    cobalt = cobalt + 0.03 + 0.035 * noise(size, 9, rng, 5) + 0.015 * fine
    tint = 0.022 * warm[tile][..., None] * (1.0, 0.6, -1.0) + 0.02 * strength[tile][..., None]
    rgb = ramp(GLAZE, np.clip(cobalt, 0, 1)) * (1 + tint)
    craze = np.abs(noise(size, 34, rng, 2)) < 0.02
    rgb = mix(rgb, CLAY, 0.35 * craze * np.clip(0.6 + noise(size, 4, rng, 2), 0, 1))
    edge = np.minimum(*(np.abs((axis * TILES + 0.5) % 1 - 0.5) for axis in (x, y))) / TILES
    edge = edge + 0.0007 * noise(size, 60, rng, 2)
    chip = edge + 0.004 < 0.010 * np.clip(noise(size, 26, rng, 3) - 0.55, 0, 1)
    rgb = mix(rgb, CLAY, 0.8 * chip)
    joint = np.clip((0.0022 - edge) * 1100, 0, 0.85)
    grout = GROUT * (1 + 0.2 * fine)[..., None]
    glaze.canvas.rgb[:] = mix(rgb, grout, joint)
    glaze.canvas.height[:] = 1.4 * np.sqrt(np.clip(edge / 0.007, 0, 1))
    glaze.canvas.height += 0.10 * noise(size, 40, rng, 3)
    return glaze.canvas.finish(relief=0.55, grain=0.02)
