"""Pilgrims at a ruined arch: charcoal and chalk hatched round the forms, after the old masters."""

import numpy as np
from PIL import Image, ImageDraw

from .core.colour import colours, mix
from .core.fields import at, blur, grid, noise, scatter, trace
from .core.paper import even
from .core.shapes import curve

MAP = 768  # the side of the maps that plan the drawing
SHEET, STAIN, CHARCOAL, CHALK = colours("b8a284 96805f 191715 f6efe0")
LIGHT = np.array([-0.62, -0.50, 0.60])
ARCH = (0.675, 0.555)  # the middle of its round
PILGRIMS = [  # x and y of the hood, height, lean: far to near
    (0.60, 0.665, 0.115, 0.01), (0.745, 0.655, 0.13, -0.01), (0.66, 0.66, 0.155, 0.01),
    (0.42, 0.705, 0.19, 0.02), (0.335, 0.715, 0.225, -0.01), (0.80, 0.70, 0.235, 0.02),
    (0.925, 0.735, 0.30, -0.02), (0.565, 0.80, 0.24, 0.015),
]  # fmt: skip
Knots = np.ndarray | list[tuple[float, float]] | list[np.ndarray]


class Study:
    """Maps of the scene: darkness, direction of hatching, and number of the form."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin with the open country: a cloudy sky over a rough road."""
        self.x, self.y = grid(MAP)
        self.knots = noise(MAP, 12, rng, 3)
        cloud = noise(MAP, 4, rng, 5)
        glow = np.exp(-(((self.x - ARCH[0]) / 0.3) ** 2 + ((self.y - 0.6) / 0.2) ** 2))
        sky = 0.46 + 0.27 * cloud + 0.22 * noise(MAP, 11, rng, 5) - 0.8 * glow - 0.15 * self.y
        road = np.exp(-(((self.x - 0.64 + 0.25 * (self.y - 0.7)) / 0.12) ** 2))
        land = 0.5 + 0.35 * noise(MAP, 9, rng, 4) - 0.55 * road + 0.5 * (self.y - 0.8)
        self.land = self.y > 0.735 + 0.02 * noise(MAP, 4, rng, 3)
        self.dark = np.where(self.land, land, sky)
        lean = np.where(self.land, 0.25 * cloud, -0.75 + 0.3 * cloud)
        self.way = np.stack([np.cos(lean), np.sin(lean)], -1)
        self.form = self.land.astype(int)

    def limb(
        self, knots: Knots, first: float, last: float, shade: float = 0.1,
        folds: float = 0.0, foot: float = 2.0,
    ) -> None:  # fmt: skip
        """Model a round limb, hatched across like bracelets, or along its folds; cut at foot."""
        line = curve(knots, 3 * len(knots) + 2)
        radii = np.linspace(first, last, len(line))
        low = np.clip(((line - max(first, last)).min(0) * MAP).astype(int) - 1, 0, MAP)
        high = np.clip(((line + max(first, last)).max(0) * MAP).astype(int) + 2, 0, MAP)
        box = slice(low[1], high[1]), slice(low[0], high[0])
        x, y = self.x[box], self.y[box]
        best, side = np.ones_like(x), np.zeros_like(x)
        axis = np.zeros((*x.shape, 2))
        for (ax, ay), (bx, by), r in zip(line, line[1:], radii, strict=False):
            ex, ey = bx - ax, by - ay
            long = np.hypot(ex, ey) + 1e-9
            u = np.clip(((x - ax) * ex + (y - ay) * ey) / long**2, 0, 1)
            far = np.hypot(x - ax - u * ex, y - ay - u * ey) / r
            near = far < best
            best = np.where(near, far, best)
            side = np.where(near, np.sign((x - ax) * -ey + (y - ay) * ex) * far, side)
            axis[near] = ex / long, ey / long
        across = np.stack([-axis[..., 1], axis[..., 0]], -1)
        tilt = across * side[..., None]
        lit = tilt @ LIGHT[:2] + np.sqrt(np.maximum(1 - side**2, 0)) * LIGHT[2]
        on = (best < 1) & (y < foot)
        dark = 0.62 + shade - 0.85 * lit + 0.3 * (best > 0.86)
        dark += folds * np.sin(9 * side + 5 * self.knots[box])
        way = across + 0.75 * axis * side[..., None]
        way = np.where(folds > 0.2, axis + 0.3 * across, way)
        self.dark[box] = np.where(on, dark, self.dark[box])
        self.way[box][on] = way[on]
        self.form[box][on] = self.form.max() + 1

    def block(self, corners: np.ndarray, shade: float, lean: float) -> None:
        """A hewn stone: lit from the upper left, its joints dark."""
        image = Image.new("L", (MAP, MAP))
        pen = ImageDraw.Draw(image)
        pen.polygon((corners * MAP).ravel().tolist(), 1, 2, 3)
        plan = np.asarray(image)
        x, y = corners.mean(0)
        slope = ((self.x - x) * 0.6 + (self.y - y) * 0.8) / np.ptp(corners, 0).max()
        self.dark = np.where(plan == 1, 0.3 + shade + 0.9 * slope, self.dark)
        self.dark[plan == 2] = 1.0
        self.way[plan > 0] = np.cos(lean), np.sin(lean)
        self.form[plan > 0] = self.form.max() + 1


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    study = Study(rng)
    _arch(study, rng)
    for px, py, tall, lean in PILGRIMS:
        foot, top = np.array([px, py + tall]), np.array([px + lean, py])
        study.limb([top + (-0.3 * tall, -0.05), foot + (-0.36 * tall, 0)], 0.0035, 0.0035, 0.5)
        shoulder = top + (0, 0.24 * tall)
        study.limb([shoulder, foot + (0, 0.12)], 0.12 * tall, 0.30 * tall, 0.22, 0.3, foot[1])
        sleeve = [shoulder, (shoulder + foot) / 2 - (0.2 * tall, 0.05), top - (0.28 * tall, -0.09)]
        study.limb(sleeve, 0.085 * tall, 0.05 * tall, 0.2, 0.21)
        study.limb([top + (0, 0.02), top + (0.02 * tall, 0.15 * tall)], 0.075 * tall, 0.1 * tall, 0.2)
    tips = _tree(study, rng)
    return _draw(study, tips, size, rng)


def _arch(study: Study, rng: np.random.Generator) -> None:
    """A round arch of rough stones on two piers, and what is left of the wall above."""
    cx, cy = ARCH
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    for row, course in enumerate(np.arange(0.26, 0.88, 0.044)):
        for u in np.arange(cx - 0.30 + 0.035 * (row % 2), cx + 0.31, 0.07):
            v = course - cy
            open_ = abs(u - cx) < 0.178 if v > 0 else np.hypot(u - cx, v) < 0.2
            fallen = course < 0.30 + 0.11 * np.abs(np.sin(13 * u)) + 0.25 * abs(u - cx)
            if not (open_ or fallen):
                corners = square * (0.035, 0.022) + rng.normal(size=(4, 2)) * 0.003
                study.block(corners + (u, course), 0.32 * rng.random(), rng.normal(-0.8, 0.5))
    for turn in np.linspace(np.pi, 2 * np.pi, 17):
        wedge = np.array([(0.165, -0.09), (0.235, -0.09), (0.235, 0.09), (0.165, 0.09)])
        wedge += rng.normal(size=(4, 2)) * (0.006, 0.006)
        across = np.stack([np.cos(turn + wedge[:, 1]), np.sin(turn + wedge[:, 1])], 1)
        study.block(ARCH + wedge[:, :1] * across, 0.25 * rng.random(), turn + 1.2)


def _tree(study: Study, rng: np.random.Generator) -> np.ndarray:
    """A gnarled oak grown limb by limb, each over its twigs; returns their tips (N, 2)."""
    tips: list[np.ndarray] = []

    def grow(start: np.ndarray, turn: float, long: float, thick: float) -> None:
        bend = turn + rng.normal() * 0.35
        mid = start + long * 0.5 * np.array([np.cos(bend), np.sin(bend)])
        end = mid + long * 0.5 * np.array([np.cos(turn), np.sin(turn)])
        tips.append(end)
        if thick > 0.0024:
            for side in (-1, 1):
                fork = turn + side * rng.uniform(0.2, 0.75)
                grow(end, fork, long * rng.uniform(0.68, 0.9), thick * rng.uniform(0.5, 0.68))
        study.limb(np.array([start, mid, end]), thick, 0.62 * thick, 0.2)

    boughs = [
        ([(0.15, 0.47), (0.25, 0.34), (0.33, 0.22), (0.47, 0.165)], 0.042),
        ([(0.15, 0.47), (0.06, 0.33), (0.07, 0.22), (-0.02, 0.14)], 0.040),
        ([(0.12, 0.75), (0.145, 0.60), (0.18, 0.32), (0.15, 0.20), (0.20, 0.10)], 0.055),
    ]
    for knots, thick in boughs:
        run = np.arctan2(*(np.array(knots[-1]) - knots[-2])[::-1])
        for knot, turn, long, part in ((-1, -0.5, 0.12, 0.5), (-1, 0.45, 0.12, 0.5),
                                       (-2, -0.9, 0.10, 0.4), (-3, 0.9, 0.09, 0.3)):  # fmt: skip
            grow(np.array(knots[knot]), run + turn, long, part * thick)
        study.limb(knots, thick, 0.5 * thick, 0.15, 0.15)
    for reach in ((-0.15, 1.04), (0.32, 1.0), (0.02, 1.06), (0.2, 1.04)):
        study.limb([(0.13, 0.78), (0.13 + 0.4 * reach[0], 0.93), reach], 0.055, 0.02, 0.2, 0.2)
    trunk = [(0.14, 1.03), (0.15, 0.85), (0.115, 0.68), (0.16, 0.54), (0.175, 0.40), (0.165, 0.3)]
    study.limb(trunk, 0.10, 0.035, 0.15, 0.19)
    return np.array(tips)


def _draw(study: Study, tips: np.ndarray, size: int, rng: np.random.Generator) -> Image.Image:
    """Rub in the masses, hatch them in crossing layers, scribble leaves, add the chalk."""
    grain = blur(rng.normal(size=(size, size)).astype(np.float32), 0.8 / 1024) * 3
    x, y = grid(size)
    ribs = np.sin(2 * np.pi * 190 * y) + 0.9 * (np.abs((x * 15) % 1 - 0.5) < 0.02)
    tooth = even(grain + 0.5 * ribs + 0.3 * noise(size, 60, rng, 3))

    dark = np.clip(study.dark, 0, 1.1)
    coal: np.ndarray = np.zeros((size, size), np.float32)
    for cross, floor, spacing, long, width in (
        (0.0, 0.0, 0.0062, 0.050, 1.5), (0.6, 0.30, 0.0066, 0.040, 2.0),
        (-0.7, 0.55, 0.0070, 0.034, 2.6), (0.2, 0.80, 0.0090, 0.050, 5.0),
    ):  # fmt: skip
        need = np.clip((dark - floor) * 1.9, 0, 1)
        coal = 1 - (1 - coal) * (1 - _hatch(study, need, cross, spacing, long, width, size, rng))
    leaves = Image.new("L", (size, size))
    pen = ImageDraw.Draw(leaves)
    for tip in tips:
        for _ in range(2):
            turn = np.linspace(0, rng.uniform(8, 20), 40)[:, None]
            loop = np.hstack([np.cos(turn), np.sin(turn * 1.1)]) * rng.uniform(0.004, 0.014)
            drift = np.linspace(0, 1, 40)[:, None] * rng.normal(size=2) * 0.02
            scribble = (tip + rng.normal(size=2) * 0.012 + loop + drift) * size
            pen.line(scribble.ravel().tolist(), int(rng.integers(60, 190)), int(rng.integers(1, 4)))
    coal = 1 - (1 - coal) * (1 - np.asarray(leaves, np.float32) / 255)
    chalk = _hatch(study, np.clip(0.12 - dark, 0, 1) * 5, 0.35, 0.0066, 0.04, 2.2, size, rng)
    chalk *= 1 - np.clip(blur(coal, 0.002), 0, 1)

    sheet = mix(SHEET, STAIN, np.clip(0.35 + 0.4 * noise(size, 5, rng, 6) + 0.25 * (tooth - 0.5), 0, 1))
    mass = np.asarray(Image.fromarray(dark.astype(np.float32)).resize((size, size)))
    rubbed = blur(mass, 0.004) * (0.6 + 0.25 * noise(size, 7, rng, 4))
    film = np.clip(rubbed, 0, 0.8) * (0.75 + 0.5 * (1 - tooth))
    caught = np.clip((1.15 * coal - 0.8 * (1 - tooth)) * 2, 0, 1) ** 1.2
    total = 1 - (1 - 0.6 * film) * (1 - 0.93 * caught)
    white = np.clip((1.2 * chalk - 0.75 * (1 - tooth)) * 3, 0, 1) * 0.9
    drawn = mix(mix(sheet, CHARCOAL, total), CHALK, white) * (0.9 + 0.2 * tooth[..., None])
    return Image.fromarray((np.clip(drawn, 0, 1) * 255 + 0.5).astype(np.uint8))


def _hatch(
    study: Study, need: np.ndarray, cross: float, spacing: float, long: float, width: float,
    size: int, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """One layer of strokes, turned by ``cross`` from the forms' own way and ended by them."""
    c, s = np.cos(cross), np.sin(cross)
    field = study.way @ np.array([(c, s), (-s, c)])
    spots = scatter(spacing, rng, need)
    lines = trace(field, spots, long * rng.uniform(0.5, 1.3, len(spots)), 8)
    same = at(study.form, lines) == at(study.form, spots)[:, None]
    press = np.clip(at(need, spots) * rng.uniform(0.5, 1.1, len(spots)), 0, 1) * 255
    image = Image.new("L", (2 * size, 2 * size))
    pen = ImageDraw.Draw(image)
    for line, keep, force in zip(lines * 2 * size, same, press, strict=True):
        if keep.sum() > 1:
            thick = max(1, round(2 * width * rng.uniform(0.6, 1.3)))
            pen.line(line[keep].ravel().tolist(), int(force), thick)
    return np.asarray(image.reduce(2), np.float32) / 255
