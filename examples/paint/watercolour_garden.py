"""A garden in loose watercolour, wet washes and sparkling paper, after Turner and Sargent."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK
from .core.colour import colours, jitter
from .core.fields import blur, grid, noise
from .core.paper import DAB, WET, Paper, Wash, even
from .core.shapes import ellipse, rough

WHITE = colours("fbf8ef")[0]
Pair = np.ndarray | tuple[float, float]
BLUE, TURQUOISE, VIOLET, YELLOW, PEACH = colours("5fa3dc 7fcfd0 9a86cf f7d75a f8bd8f")
GREENS = colours("d3dc62 a3c65c 6fae66 5fa890 4a8596 8fa04a 4f6f98")
BLOSSOM = {
    "poppy": colours("f2543c e02f2a f58a3a c8222f"),
    "rose": colours("f48fa8 e8587f f7b6a8 c9386a"),
    "iris": colours("7a5fc8 5548b4 a98ae0 3f4aa8"),
    "daisy": colours("f9d64a f5a92e fbe88a f08a2c"),
}
GLAZE = Wash(bleed=0.0022, ragged=0.7, crisp=9, rim=0.9, grain=0.6, pool=0.7)
SKIP = replace(GLAZE, dry=0.42)  # a fast brush over the tops of the paper's grain
BED = [  # x, y, radius, kind: the big flowers in front, far to near
    (0.07, 0.60, 0.045, "iris"), (0.17, 0.63, 0.05, "rose"), (0.93, 0.58, 0.05, "poppy"),
    (0.83, 0.62, 0.05, "daisy"), (0.27, 0.70, 0.055, "daisy"), (0.08, 0.74, 0.075, "poppy"),
    (0.74, 0.71, 0.06, "iris"), (0.90, 0.74, 0.08, "rose"), (0.20, 0.83, 0.085, "iris"),
    (0.35, 0.86, 0.06, "rose"), (0.66, 0.84, 0.065, "poppy"), (0.80, 0.88, 0.09, "poppy"),
    (0.07, 0.94, 0.085, "rose"), (0.95, 0.94, 0.075, "iris"), (0.31, 0.97, 0.075, "poppy"),
    (0.64, 0.98, 0.06, "daisy"),
]  # fmt: skip

SPIRES = [  # x, y of the foot, height
    (0.045, 0.66, 0.20), (0.13, 0.70, 0.27), (0.24, 0.66, 0.17), (0.31, 0.63, 0.12),
    (0.86, 0.68, 0.28), (0.95, 0.66, 0.22), (0.77, 0.65, 0.16), (0.70, 0.61, 0.11),
]  # fmt: skip


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    hills = blur(rng.normal(size=(size, size)).astype(np.float32), 1.9 / 1024)
    tooth = even(hills + 0.02 * rng.normal(size=(size, size)))
    paper = Paper(size, WHITE, tooth, rng)
    _sky(paper, rng)
    _trees(paper, rng)
    _path(paper, rng)
    _borders(paper, rng)
    for spire in SPIRES:
        _spire(paper, *spire, rng)
    for x, y, radius, kind in BED:
        _flower(paper, x, y, radius, BLOSSOM[kind], rng)
    _backruns(paper, rng)
    _splatter(paper, rng)
    return paper.finish(relief=0.35, grain=0.05)


def _blob(place: Pair, radii: Pair, rng: np.random.Generator, tilt: float = 0.6) -> np.ndarray:
    """The print of a loaded round brush."""
    turn = rng.uniform(-tilt, tilt)
    return rough(ellipse(place[0], place[1], radii[0], radii[1], turn), 0.16 * min(radii), rng)


def _sky(paper: Paper, rng: np.random.Generator) -> None:
    for colour, count, top, strength in (
        (PEACH, 5, 0.28, 0.6), (YELLOW, 4, 0.33, 0.6), (BLUE, 8, 0.06, 0.5),
        (TURQUOISE, 5, 0.16, 0.5), (VIOLET, 5, 0.12, 0.35),
    ):  # fmt: skip
        for _ in range(count):
            cloud = _blob((rng.random(), rng.normal(top, 0.07)), rng.uniform(0.05, 0.19, 2), rng)
            paper.wash([cloud], colour, rng, strength, replace(WET, pool=0.9))


def _trees(paper: Paper, rng: np.random.Generator) -> None:
    """Foliage laid wet, then dabbed in ever smaller and darker touches."""
    for tx, ty, spread in ((0.10, 0.30, 0.17), (0.93, 0.26, 0.19), (0.33, 0.40, 0.10),
                           (0.70, 0.39, 0.11), (0.52, 0.43, 0.09)):  # fmt: skip
        for size, count, first, wash in (
            (0.5, 6, 0, WET), (0.26, 14, 0, GLAZE), (0.15, 30, 1, SKIP), (0.07, 70, 3, SKIP),
        ):  # fmt: skip
            for _ in range(count):
                offset = rng.normal(size=2) * spread * (0.6, 0.55)
                round_ = size * spread * rng.uniform(0.5, 1.1, 2)
                green = jitter(GREENS[first + rng.integers(4)], rng, 0.04, 0.015)
                leaf = _blob(offset + (tx, ty - 0.03), round_, rng)
                paper.wash([leaf], green, rng, rng.uniform(0.35, 0.75), wash)
        for lean in rng.normal(size=3) * 0.3 * spread:
            foot = np.array([tx + 0.2 * lean, ty + 0.95 * spread])
            tip = np.array([tx + lean, ty - 0.2 * spread])
            trunk = np.array([foot - (0.011, 0), tip - (0.002, 0), tip + (0.002, 0), foot + (0.011, 0)])
            paper.wash([rough(trunk, 0.003, rng)], VIOLET * 0.7, rng, 0.8, SKIP)


def _path(paper: Paper, rng: np.random.Generator) -> None:
    """A sunlit path: mostly bare paper, with the violet shadows of the trees across it."""
    sun = np.array([(0.50, 0.52), (0.55, 0.52), (0.72, 1.05), (0.30, 1.05)])
    paper.wash([rough(sun, 0.012, rng)], PEACH, rng, 0.45, replace(WET, bleed=0.008))
    for _ in range(30):
        near = rng.random() ** 1.2
        x, big = 0.52 + rng.normal() * (0.01 + 0.09 * near), 0.3 + near
        dapples = []
        for u, v in rng.normal(size=(7, 2)) * (0.05, 0.010):
            spot = (x + u * big, 0.54 + 0.47 * near + (v + 0.25 * u) * big)
            dapples.append(_blob(spot, rng.uniform(0.006, 0.028, 2) * big * (1, 0.4), rng, 0.2))
        tint = jitter([VIOLET, BLUE, VIOLET][rng.integers(3)], rng, 0.03, 0.02)
        paper.wash(dapples, tint, rng, rng.uniform(0.4, 0.8), SKIP if rng.random() < 0.3 else GLAZE)


def _borders(paper: Paper, rng: np.random.Generator) -> None:
    """Both flower beds: wet greens, then stalks, leaves and a haze of small blossoms."""
    kinds = list(BLOSSOM.values())
    for near in np.sort(rng.random(60)):
        x = 0.525 + rng.choice((-1, 1)) * (0.13 + 0.16 * near + 0.4 * rng.random())
        mass = _blob((x, 0.52 + 0.5 * near), (0.11, 0.04 + 0.04 * near), rng, 0.2)
        paper.wash([mass], GREENS[rng.integers(6)], rng, 0.3, replace(WET, bleed=0.012))
    for near in np.sort(rng.random(820)):
        y = 0.50 + 0.52 * near
        edge = 0.035 + 0.16 * near  # the beds leave the path free
        side = rng.choice((-1, 1)) * (edge + rng.random() * (0.62 - edge))
        x, big = 0.525 + side, 0.5 + 1.6 * near
        green = jitter(GREENS[rng.integers(len(GREENS))], rng, 0.05, 0.03)
        pick = rng.random()
        if pick < 0.2:
            mass = _blob((x, y), (0.03 * big, 0.025 * big), rng)
            paper.wash([mass], green, rng, 0.5, SKIP)
        elif pick < 0.62:  # blades
            lean, tall = rng.normal() * 0.025 * big, rng.uniform(0.03, 0.075) * big
            tip = np.array([(x + lean, y - tall)])
            blade = np.vstack([[(x - 0.003 * big, y)], [(x + 0.4 * lean, y - 0.6 * tall)], tip,
                               [(x + 0.4 * lean + 0.006 * big, y - 0.5 * tall)],
                               [(x + 0.004 * big, y)]])  # fmt: skip
            paper.wash([blade], green * 0.9, rng, rng.uniform(0.5, 1.1), GLAZE)
        else:
            shades = kinds[rng.integers(4)]
            offset = rng.normal(size=(6, 2)) * 0.012 * big + (x, y)
            petals = [_blob(spot, rng.uniform(0.003, 0.009, 2) * big, rng) for spot in offset]
            paper.wash(petals, jitter(shades[rng.integers(4)], rng), rng, 0.7, GLAZE)


def _flower(paper: Paper, x: float, y: float, radius: float, shades: np.ndarray, rng: np.random.Generator) -> None:
    """Lift the ground back to light paper, then glaze petals over one another."""
    squash, lean, count = rng.uniform(0.5, 0.95), 0.5 * rng.normal(), rng.integers(5, 9)
    turns = np.arange(count) * 2 * np.pi / count + rng.uniform(0, 6) + 0.2 * rng.normal(size=count)
    tilt = np.array([(np.cos(lean), np.sin(lean)), (-np.sin(lean), np.cos(lean))])
    petals = []
    for layer, (reach, wide) in enumerate(((0.6, 0.46), (0.42, 0.30), (0.2, 0.14))):
        for turn in turns + 0.4 * layer:
            way = radius * reach * rng.uniform(0.75, 1.25) * np.array([np.cos(turn), np.sin(turn)])
            shape = ellipse(way[0], way[1], radius * wide, radius * wide * rng.uniform(0.5, 0.85), turn)
            petal = rough(shape * (1, squash) @ tilt + (x, y), 0.03 * radius, rng)
            petals.append((layer, petal))
    for layer, petal in petals:
        if layer == 0:
            paper.shape(petal, WHITE, rng, replace(INK, opacity=0.9))
    for layer, petal in petals:
        tint = jitter(shades[rng.integers(3) if layer < 2 else 3], rng, 0.02, 0.015)
        paper.wash([petal], tint, rng, rng.uniform(0.3, 0.7) + 0.15 * layer, GLAZE)
    heart = rng.normal(size=(14, 2)) * 0.1 * radius * (1, squash) + (x, y)
    seeds = [_blob(spot, (0.03 * radius, 0.045 * radius), rng) for spot in heart]
    paper.wash(seeds, GREENS[6] * 0.4, rng, 0.9, GLAZE)


def _spire(paper: Paper, x: float, y: float, tall: float, rng: np.random.Generator) -> None:
    """A delphinium: blots shrinking up a stem, each pair a little bluer or pinker."""
    shades = BLOSSOM[rng.choice(("iris", "rose"))]
    sway = 0.1 * tall * rng.normal()
    for level in np.linspace(0, 1, 26):
        wide = 0.13 * tall * (1 - 0.85 * level)
        spots = (x + sway * level, y - tall * level) + rng.normal(size=(3, 2)) * wide * (0.55, 0.2)
        blots = [_blob(spot, wide * rng.uniform(0.25, 0.55, 2), rng) for spot in spots]
        tint = jitter(shades[rng.integers(4)], rng, 0.03, 0.015)
        paper.wash(blots, tint, rng, rng.uniform(0.5, 1.0), GLAZE)


def _backruns(paper: Paper, rng: np.random.Generator) -> None:
    """Drops of water let fall on damp washes drive the pigment out to crinkled rims."""
    u, v = grid(paper.size)
    far = np.full_like(u, 9)
    for x, y in rng.uniform(0.05, 0.95, (10, 2)):
        far = np.minimum(far, np.hypot(u - x, v - y) / rng.uniform(0.025, 0.06))
    far += 0.85 * noise(paper.size, 14, rng, 5)
    inside = np.clip((1 - far) * 9, 0, 1) * np.clip(0.4 + far, 0, 1)
    rim = np.exp(-(((far - 1.0) / 0.05) ** 2))
    paper.rgb **= (1 - 0.5 * inside + 0.45 * rim)[..., None]


def _splatter(paper: Paper, rng: np.random.Generator) -> None:
    for shades in (*BLOSSOM.values(), GREENS, GREENS):
        for _ in range(2):
            spots = rng.normal(0.5, 0.28, (45, 2)) + (0, 0.15)
            radii = 0.001 + 0.005 * rng.random(45) ** 4
            drops = [ellipse(a, b, r, r) for (a, b), r in zip(spots, radii, strict=True)]
            paper.wash(drops, shades[rng.integers(4)], rng, 0.9, replace(DAB, bleed=0.0012))
