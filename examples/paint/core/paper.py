"""A sheet of paper: the tooth that catches strokes, and the transparent washes it takes."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .canvas import Canvas

_TILE = 1024


@dataclass(frozen=True)
class Wash:
    """How a wash dries. Values are in 0..1 unless stated otherwise.

    bleed: how far its edge creeps into the paper (unit length). ragged: unevenness of the edge.
    crisp: steepness of the edge (1 is soft, 20 hard). rim: pigment carried to the edge.
    grain: pigment settled in the hollows of the paper. pool: unevenness inside. dry: share of
    the paper a fast brush skips.
    """

    bleed: float = 0.004
    ragged: float = 0.6
    crisp: float = 8.0
    rim: float = 0.7
    grain: float = 0.5
    pool: float = 0.5
    dry: float = 0.0


WET = Wash(bleed=0.02, ragged=0.8, crisp=1.6, rim=0.15)
DAB = Wash()


def even(values: np.ndarray) -> np.ndarray:
    """Replace values (H, W) by their ranks, spread evenly over 0..1."""
    ranks = values.ravel().argsort(kind="stable").argsort(kind="stable")
    return (ranks / ranks.size).reshape(values.shape).astype(np.float32)


class Paper(Canvas):
    """A canvas without relief; ``tooth`` (size, size) in 0..1 is high on the paper's hills."""

    def __init__(self, size: int, ground: np.ndarray, tooth: np.ndarray, rng: np.random.Generator) -> None:
        """Lay out a sheet with ``ground``, a colour (3,) or a picture (size, size, 3)."""
        super().__init__(size, ground, rng)
        self.tooth = tooth
        self._cloth = tooth.ravel()
        fy, fx = np.meshgrid(np.fft.fftfreq(_TILE), np.fft.rfftfreq(_TILE), indexing="ij")
        cloudy = np.fft.rfft2(rng.normal(size=(_TILE, _TILE)))
        cloudy /= (fx * fx + fy * fy + 1e-5) ** 0.7
        self._cloud = even(np.fft.irfft2(cloudy))

    def wash(
        self,
        outlines: list[np.ndarray],
        colour: np.ndarray,
        rng: np.random.Generator,
        strength: float | np.ndarray = 1.0,
        wash: Wash = DAB,
    ) -> None:
        """Glaze closed outlines [(N, 2)] with one transparent colour, in one go.

        ``strength`` is a number or a map (size, size): 1 turns white paper to the colour.
        """
        p = np.vstack(outlines) * self.size
        soft, thin = wash.bleed * self.size, 0.0035 * self.size
        pad = int(3 * soft + 2 * thin) + 2
        x0, y0 = (max(int(k) - pad, 0) for k in p.min(0))
        x1, y1 = (min(int(k) + pad, self.size) for k in p.max(0))
        i, j = rng.integers(_TILE, size=2)
        if x0 >= x1 or y0 >= y1:
            return
        # Work a little beyond the sheet, so that its edge is not taken for the wash's.
        image = Image.new("L", (x1 - x0 + 2 * pad, y1 - y0 + 2 * pad))
        pen = ImageDraw.Draw(image)
        for outline in outlines:
            corners = outline * self.size + (pad - x0, pad - y0)
            pen.polygon([(x, y) for x, y in corners], fill=255)
        film = np.asarray(image.filter(ImageFilter.GaussianBlur(soft)), np.float32) / 255
        step = 1024 / self.size
        rows = ((np.arange(y0 - pad, y1 + pad) + j * 1.0) * step).astype(int) % _TILE
        columns = ((np.arange(x0 - pad, x1 + pad) + i * 1.0) * step).astype(int) % _TILE
        cloud = self._cloud[rows[:, None], columns]
        film += wash.ragged * (cloud - 0.5) * 4 * film * (1 - film)
        film = np.clip((film - 0.5) * wash.crisp + 0.5, 0, 1)
        blurred = Image.fromarray((film * 255).astype(np.uint8))
        blurred = blurred.filter(ImageFilter.GaussianBlur(thin))
        rim = film * (1 - np.asarray(blurred, np.float32) / 255)

        inner = (slice(pad, pad + y1 - y0), slice(pad, pad + x1 - x0))
        box = (slice(y0, y1), slice(x0, x1))
        film, rim, cloud, tooth = film[inner], rim[inner], cloud[inner], self.tooth[box]
        amount = film * (1 + wash.pool * 1.6 * (cloud[::-1] - 0.5)) + 1.6 * wash.rim * rim
        amount *= 1 + wash.grain * 1.2 * (0.5 - tooth)
        if wash.dry:
            amount *= np.clip((tooth - wash.dry) * 7 + 0.5, 0, 1)
        if isinstance(strength, np.ndarray):
            strength = strength[box]
        amount *= strength
        self.rgb[box] *= np.maximum(colour, 0.02).astype(np.float32) ** amount[..., None]
