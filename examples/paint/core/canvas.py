"""The canvas, its brushes, and the light that falls on the paint."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

_TILE = 512


@dataclass(frozen=True)
class Brush:
    """How a brush carries paint. Values are in 0..1 unless stated otherwise.

    streak: how much single bristles differ in lightness. dry: how soon they run out of paint.
    thick: relief of the paint (1 is a full impasto, 0 a stain). taper: share of the length over
    which either end narrows. ragged: unevenness of the ends, in widths. opacity: cover.
    """

    streak: float = 0.25
    dry: float = 0.25
    thick: float = 0.6
    taper: float = 0.25
    ragged: float = 0.35
    opacity: float = 1.0


OIL = Brush()
INK = Brush(streak=0.05, dry=0.0, thick=0.0, taper=0.5, ragged=0.0)


def _waves(rng: np.random.Generator, long: float, wide: float) -> np.ndarray:
    """Periodic noise (_TILE, _TILE) of this grain, as ranks spread evenly over 0..1."""
    fy, fx = np.meshgrid(np.fft.fftfreq(_TILE), np.fft.rfftfreq(_TILE), indexing="ij")
    filtered = np.fft.rfft2(rng.normal(size=(_TILE, _TILE)))
    filtered *= np.exp(-20 * ((fx * long) ** 2 + (fy * wide) ** 2))
    ranks = np.fft.irfft2(filtered).ravel().argsort(kind="stable").argsort(kind="stable")
    return (ranks / ranks.size).reshape(_TILE, _TILE).astype(np.float32)


def _unroll(p: np.ndarray, reach: float, size: int) -> tuple[np.ndarray, ...]:
    """Lay a ribbon along ``p`` (N, 2) on the pixels; ``reach`` is its half width in pixels.

    Returns, for each pixel it covers: flat index, place along the line, and signed distance
    from it. The ribbon goes on past both ends by its half width, so that these can be ragged.
    """
    edge = np.diff(p, axis=0)
    length = np.hypot(edge[:, 0], edge[:, 1]) + 1e-6
    way = edge / length[:, None]
    turns = np.vstack([way[:1], way[:1], way[1:] + way[:-1], way[-1:], way[-1:]])
    p = np.vstack([p[:1] - reach * way[:1], p, p[-1:] + reach * way[-1:]])
    total = float(length.sum())
    knots = np.concatenate([[-reach, 0], np.cumsum(length), [total + reach]])

    # Sample the ribbon finer than the pixels; where it folds, its middle is laid last and wins.
    s = np.arange(-reach, total + reach, 0.69, dtype=np.float32)
    t = np.arange(0.34, reach + 0.35, 0.69, dtype=np.float32)[::-1, None]
    t = np.hstack([t, -t]).reshape(-1, 1)
    u, v = (np.interp(s, knots, turns[:, k]) for k in range(2))
    norm = np.sqrt(u * u + v * v) + 1e-9
    u, v = (u / norm).astype(np.float32), (v / norm).astype(np.float32)
    x = np.interp(s, knots, p[:, 0]).astype(np.float32) - t * v
    y = np.interp(s, knots, p[:, 1]).astype(np.float32) + t * u
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    inside = np.flatnonzero((column >= 0) & (column < size) & (row >= 0) & (row < size))
    if not inside.size:
        return np.empty(0, int), np.empty(0), np.empty(0)
    column, row = column.ravel()[inside], row.ravel()[inside]
    left, top, wide = column.min(), row.min(), column.max() - column.min() + 1
    slot = np.zeros((row.max() - top + 1) * wide, np.int32)
    slot[(row - top) * wide + column - left] = np.arange(1, len(inside) + 1)
    pick = slot[slot > 0] - 1

    # A step from the sample to the centre of its pixel makes place and side exact there.
    column, row, sample = column[pick], row[pick], inside[pick]
    k = sample % len(s)
    dx, dy = column + 0.5 - x.ravel()[sample], row + 0.5 - y.ravel()[sample]
    place = s[k] + dx * u[k] + dy * v[k]
    side = t[sample // len(s), 0] + dy * u[k] - dx * v[k]
    return row * size + column, place.astype(np.float32), side.astype(np.float32)


class Canvas:
    """A square of paint: ``rgb`` (size, size, 3) in 0..1 and its relief ``height``."""

    def __init__(self, size: int, ground: np.ndarray, rng: np.random.Generator) -> None:
        """Prime a canvas with ``ground``, a colour (3,) or a picture (size, size, 3)."""
        self.size = size
        self.rgb = np.empty((size, size, 3), np.float32)
        self.rgb[:] = ground
        self.height = np.zeros((size, size), np.float32)
        self._bristles = _waves(rng, 20, 0.8)
        grain = _waves(rng, 1.2, 1.2)
        i = (np.arange(size) * 1024 // size) % _TILE
        self._cloth = grain[i[:, None], i].ravel()

    def _apply(self, where: np.ndarray, colour: np.ndarray, cover: np.ndarray, relief: np.ndarray) -> None:
        """Put paint on pixels (N,), given as flat indices, each once."""
        rgb, height = self.rgb.reshape(-1, 3), self.height.reshape(-1)
        under, low = rgb[where], height[where]
        rgb[where] = under + cover[:, None] * (colour - under)
        height[where] = low + cover * (relief - 0.6 * low)

    def stroke(
        self,
        points: np.ndarray,
        colour: np.ndarray,
        width: float | np.ndarray,
        rng: np.random.Generator,
        brush: Brush = OIL,
    ) -> None:
        """Draw a brush along points (N, 2); width is one number or one per point (N,)."""
        p = np.asarray(points, float) * self.size
        half = np.broadcast_to(np.asarray(width, float) * self.size / 2, (len(p),))
        widest = float(half.max())
        i, j = rng.integers(_TILE, size=2)
        where, place, side = _unroll(p, widest + 1, self.size)
        knots = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(p, axis=0).T))])
        length = float(knots[-1]) + 1e-6

        scale = 1024 / self.size
        lane = (side * scale + j).astype(np.int32) % _TILE
        bristle = self._bristles[lane, (place * scale + i).astype(np.int32) % _TILE]
        ends = (self._bristles[lane, i] - 0.5) * (brush.ragged * 2 * widest)
        gone = np.minimum(place, length - place) + ends
        press = np.interp(place, knots, half).astype(np.float32)
        if brush.taper:
            press *= np.sqrt(np.clip(gone / (brush.taper * length), 0, 1))
        cover = np.clip(press - np.abs(side) + 0.5, 0, 1) * np.clip(gone + 0.5, 0, 1)
        if brush.dry:
            catch = 0.7 * bristle + 0.3 * self._cloth[where]
            spent = brush.dry * (0.4 + 0.9 / length * place)
            cover *= np.clip((catch - spent) * 6 + 1, 0, 1)
        shade = 1 + brush.streak * (bristle - 0.5)
        relief = brush.thick * (0.2 + 0.9 * bristle + 0.6 * (side / widest) ** 2)
        self._apply(where, shade[:, None] * colour, cover * brush.opacity, relief)

    def strokes(
        self, lines: np.ndarray, colours: np.ndarray, width: float, rng: np.random.Generator, brush: Brush = OIL
    ) -> None:
        """Draw many lines (K, N, 2), each in its colour (K, 3), widths within a third."""
        widths = width * rng.uniform(0.67, 1.33, len(lines))
        for line, colour, one in zip(lines, colours, widths, strict=True):
            self.stroke(line, colour, one, rng, brush)

    def dots(
        self,
        points: np.ndarray,
        colours: np.ndarray,
        radius: float | np.ndarray,
        rng: np.random.Generator,
        thick: float = 0.5,
    ) -> None:
        """Touch round, slightly oval dots at points (N, 2) in colours (N, 3)."""
        count = len(points)
        radii = np.asarray(radius) * self.size * rng.uniform(0.8, 1.2, count)
        stretch = rng.uniform(0.8, 1.25, count)
        turn = rng.uniform(0, np.pi, count)
        cosines, sines = np.cos(turn), np.sin(turn)
        centres = points * self.size
        low = np.clip((centres - 1.3 * radii[:, None]).astype(int) - 1, 0, self.size)
        high = np.clip((centres + 1.3 * radii[:, None]).astype(int) + 2, 0, self.size)
        for k in np.flatnonzero((low < high).all(1)):
            (x0, y0), (x1, y1), r = low[k], high[k], radii[k]
            dx = np.arange(x0, x1) + 0.5 - centres[k, 0]
            dy = (np.arange(y0, y1) + 0.5 - centres[k, 1])[:, None]
            u = (dx * cosines[k] + dy * sines[k]) * stretch[k]
            v = (dy * cosines[k] - dx * sines[k]) / stretch[k]
            far = np.sqrt(u * u + v * v)
            cover = np.clip(r - far + 0.5, 0, 1)
            relief = thick * (0.6 + 0.6 * np.minimum(far / r, 1) ** 2)
            where = np.arange(y0, y1)[:, None] * self.size + np.arange(x0, x1)
            self._apply(where.ravel(), colours[k], cover.ravel(), relief.ravel())

    def shape(self, points: np.ndarray, colour: np.ndarray, rng: np.random.Generator, brush: Brush = INK) -> None:
        """Fill a closed outline (N, 2); the brush gives its streaks, relief and opacity."""
        p = points * self.size
        x0, y0 = np.clip(p.min(0).astype(int) - 1, 0, self.size)
        x1, y1 = np.clip(p.max(0).astype(int) + 2, 0, self.size)
        i, j = rng.integers(_TILE, size=2)
        if x0 >= x1 or y0 >= y1:
            return
        image = Image.new("L", (4 * int(x1 - x0), 4 * int(y1 - y0)))
        corners = [(x, y) for x, y in (p - (x0, y0)) * 4]
        ImageDraw.Draw(image).polygon(corners, fill=255)
        cover = np.asarray(image.reduce(4), np.float32) / 255
        rows, columns = np.arange(y0, y1)[:, None], np.arange(x0, x1)
        bristle = self._bristles[(rows + j) % _TILE, (columns + i) % _TILE].ravel()
        shade = 1 + brush.streak * (bristle - 0.5)
        relief = brush.thick * (0.5 + 0.5 * bristle)
        where = (rows * self.size + columns).ravel()
        self._apply(where, shade[:, None] * colour, cover.ravel() * brush.opacity, relief)

    def finish(self, relief: float = 0.5, grain: float = 0.03) -> Image.Image:
        """Light the paint from the upper left; ``grain`` is the tooth of the cloth."""
        tooth = self._cloth.reshape(self.size, self.size)
        height = self.height + grain * 3 * (tooth - 0.5)
        height = np.pad(height, 1, "edge")  # soften: paint has no edge as sharp as a pixel
        height = (height[:-2] + 2 * height[1:-1] + height[2:]) / 4
        height = (height[:, :-2] + 2 * height[:, 1:-1] + height[:, 2:]) / 4
        down, right = np.gradient(height * self.size / 1024)
        slope = relief * 1024 / self.size * (0.6 * right + 0.8 * down)
        light = np.clip(1 + 1.6 * slope, 0.55, 1.5) + grain * (tooth - 0.5)
        gloss = 0.35 * np.clip(slope - 0.12, 0, 0.6)
        lit = np.clip(self.rgb * light[..., None] + gloss[..., None], 0, 1)
        return Image.fromarray((lit * 255 + 0.5).astype(np.uint8))
