"""Fish in stone, the tesserae set along the forms (opus vermiculatum), after Roman floors."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, Canvas
from .core.colour import colours, jitter, ramp
from .core.fields import along, at, grid, noise, scatter
from .core.shapes import curve, distance, ellipse

MAP = 512  # the side of the maps that plan the picture
STONE = replace(INK, streak=0.22, thick=1.0)
SEA = colours("b09f78 d9cfb2 c2b48c e8e0ca a4b0a0 cdb98c")
WEED = colours("24402c 3f6a40 7a9a54 6f9c98")
DARK = colours("1a1614 2f2622")
EYE = colours("f4ecd8 12100e")
CORNERS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
FISH = [  # x, y, half length, turn, colours from back to belly
    (0.53, 0.29, 0.31, 0.12, "4a1a18 8f3426 bf5a34 d98a52 ecc39a f2e2c4"),
    (0.545, 0.69, 0.27, 3.35, "12283f 27567a 4a86a0 8fb8b4 e4dcc0 f0ead8"),
    (0.21, 0.55, 0.155, 2.15, "6a4318 a8742a d3a544 ecd08a f4e8c8 f4e8c8"),
    (0.795, 0.50, 0.12, 0.6, "24402c 4f7a4a 9aa85a d8cf8a efe6c6 efe6c6"),
]
BODY = [(1, 0.02), (0.8, -0.18), (0.4, -0.33), (-0.1, -0.32), (-0.55, -0.13), (-0.8, -0.05),
        (-0.8, 0.06), (-0.55, 0.14), (-0.1, 0.30), (0.4, 0.31), (0.8, 0.17)]  # fmt: skip
TAIL = [(-0.72, 0), (-0.95, -0.17), (-1.3, -0.30), (-1.17, 0), (-1.3, 0.32), (-0.95, 0.17)]
FINS = [
    [(0.42, -0.28), (0.22, -0.50), (-0.22, -0.50), (-0.40, -0.36), (-0.5, -0.10), (0, -0.2)],
    [(0.28, 0.24), (0.05, 0.50), (-0.12, 0.48), (-0.05, 0.25)],
]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    canvas = Canvas(size, colours("5c5346")[0], rng)
    free = np.ones((MAP, MAP), bool)
    x, y = grid(MAP)
    blank = np.full((MAP, MAP), 10.0, np.float32)
    fishes = blank
    for px, py, half, turn, shades in FISH:
        palette, flip = colours(shades), np.sign(np.cos(turn))
        c, s = half * np.cos(turn), half * np.sin(turn)
        u, v = (x - px) * c + (y - py) * s, flip * ((y - py) * c - (x - px) * s)
        u, v = u / half**2, v / half**2
        frame = np.array([(c, s), (-s * flip, c * flip)])
        gill = np.hypot(u - 0.95, v) - 0.47
        scales = np.cos(34 * u + 3 * np.cos(36 * v)) * (gill > 0.03)
        skin = ramp(palette, np.clip(0.5 + 1.35 * v + 0.13 * scales, 0, 1))
        skin[np.abs(gill) < 0.03] = DARK[1]
        ray = ramp(palette, np.clip(0.4 + 0.35 * np.sin(40 * v + 25 * u), 0, 1))
        eye = ellipse(0.72, -0.06, 0.075, 0.085, count=16) @ frame + (px, py)
        iris = distance(eye, MAP)
        skin[iris < 0], skin[iris < -0.035 * half] = EYE
        parts = [(BODY, skin), *((fin, ray) for fin in FINS), (TAIL, ray)]
        whole = blank
        for outline, picture in parts:
            edge = distance(curve(np.array(outline) @ frame + (px, py), 44, closed=True), MAP)
            picture = np.where(edge[..., None] > -0.0085, DARK[0], picture)
            if outline is BODY:  # the eye is laid first, ring by ring
                _set_stones(canvas, free, iris, 0.0085, skin, iris < 0, rng)
            _set_stones(canvas, free, edge, 0.0095, picture, edge < 0, rng)
            whole = np.minimum(whole, edge)
        fishes = np.minimum(fishes, whole)

    sea = ramp(SEA, np.clip(0.5 + 0.5 * noise(MAP, 6, rng, 4) + 0.12 * np.sin(50 * y), 0, 1))
    ripple = np.sin(70 * y + 4 * np.sin(9 * x)) + 1.3 * noise(MAP, 5, rng, 2)
    sea[ripple > 1.2] = WEED[3]
    sea[(fishes > 0) & (fishes < 0.013)] = SEA[3]
    for wx, wy, reach in ((0.13, 0.88, 0.30), (0.20, 0.90, 0.20), (0.40, 0.91, 0.13),
                          (0.88, 0.89, 0.16), (0.84, 0.14, 0.12)):  # fmt: skip
        sway = curve([(wx, wy), (wx + 0.03, wy - 0.35 * reach), (wx - 0.02, wy - 0.7 * reach),
                      (wx + 0.03, wy - reach)], 20)  # fmt: skip
        blade = np.vstack([sway - (0.011, 0), sway[::-1] + (0.011, 0)])
        leaf = distance(blade, MAP)
        green = ramp(WEED, np.clip(0.5 + 40 * leaf + 0.6 * noise(MAP, 12, rng, 2), 0, 1))
        _set_stones(canvas, free, leaf, 0.0105, green, leaf < 0.002, rng)
        fishes = np.minimum(fishes, leaf)

    _set_stones(canvas, free, -fishes, 0.0125, sea, free, rng)
    return canvas.finish(relief=0.8, grain=0.04)


def _set_stones(
    canvas: Canvas, free: np.ndarray, field: np.ndarray, pitch: float, picture: np.ndarray,
    where: np.ndarray, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Set rows of stones ``pitch`` wide along the contours of a distance, then chips in gaps.

    ``field`` is negative where stones go. ``picture`` colours the stones. ``free`` (MAP, MAP) marks
    the bare ground, and is changed.
    """
    ways = along(field)
    vacant = where & free

    def stone(middle: np.ndarray, long: float, wide: float) -> bool:
        """Set one stone if it fits."""
        if middle.min() < 0 or middle.max() >= 1:
            return False
        way = at(ways, middle)
        frame = np.array([way * long, (-way[1] * wide, way[0] * wide)]) / 2
        if not (at(vacant, middle) and at(vacant, middle + 0.6 * CORNERS @ frame).all()):
            return False
        x0, y0 = np.maximum(((middle - long) * MAP).astype(int), 0)
        x1, y1 = ((middle + long) * MAP).astype(int) + 2
        dx = (np.arange(x0, min(x1, MAP)) + 0.5) / MAP - middle[0]
        dy = ((np.arange(y0, min(y1, MAP)) + 0.5) / MAP - middle[1])[:, None]
        cut = np.abs(dx * way[0] + dy * way[1]) < long / 2
        cut &= np.abs(dy * way[0] - dx * way[1]) < wide / 2
        for ground in (free, vacant):
            ground[y0:y1, x0:x1] &= ~cut
        corners = CORNERS * (0.86 + 0.06 * rng.normal(size=(4, 2)))
        colour = jitter(at(picture, middle), rng, 0.035, 0.012)
        canvas.shape(middle + corners @ frame, colour, rng, STONE)
        return True

    for row in -pitch * np.arange(0.5, 0.5 - field[where].min() / pitch):
        for down, right in np.argwhere(vacant & (np.abs(field - row) < 0.7 / MAP)):
            if not vacant[down, right]:  # an earlier run of stones has passed here
                continue
            place = (np.array([right, down]) + 0.5) / MAP
            while True:
                way = at(ways, place)
                place = place + np.array([-way[1], way[0]]) * (row - at(field, place))
                long = pitch * rng.uniform(0.8, 1.3)
                if not stone(place + way * long / 2, long, pitch):
                    break
                place = place + way * long
    for chip in (0.75 * pitch, 0.5 * pitch):
        for spot in scatter(0.4 * pitch, rng, vacant):
            stone(spot, chip, chip)
