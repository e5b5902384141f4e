"""Shapes: outlines as points (N, 2) in unit coordinates, and their masks."""

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from .fields import grid


def curve(points: ArrayLike, count: int = 60, closed: bool = False) -> np.ndarray:
    """A smooth (Catmull-Rom) line through control points (N, 2) -> (count, 2)."""
    p = np.asarray(points, float)
    p = np.vstack([p[-1:], p, p[:2]]) if closed else np.vstack([p[:1], p, p[-1:]])
    place = np.linspace(0, len(p) - 3, count, endpoint=not closed)
    i = np.minimum(place.astype(int), len(p) - 4)
    u = (place - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    cubic = (3 * (b - c) + d - a) * u**3 + (2 * a - 5 * b + 4 * c - d) * u**2
    return b + 0.5 * (cubic + (c - a) * u)


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0, count: int = 48) -> np.ndarray:
    """Outline of an ellipse (count, 2), turned clockwise by ``turn`` radians."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    u, v = rx * np.cos(angle), ry * np.sin(angle)
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([x + u * c - v * s, y + u * s + v * c], 1)


def below(line: np.ndarray, bottom: float = 1.05) -> np.ndarray:
    """Close a left-to-right line (N, 2) downwards: the land under a skyline."""
    return np.vstack([line, [[line[-1, 0], bottom], [line[0, 0], bottom]]])


def rough(points: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Resample a closed outline and push it about by ``amount``: a hand-cut edge."""
    count = max(2 * len(points), 48)
    edge = np.linalg.norm(np.diff(points, axis=0, append=points[:1]), axis=1)
    length = np.concatenate([[0], np.cumsum(edge)])
    loop = np.vstack([points, points[:1]])
    place = np.linspace(0, length[-1], count, endpoint=False)
    even = np.stack([np.interp(place, length, loop[:, k]) for k in range(2)], 1)
    push = rng.normal(size=(count, 2))
    return even + amount * (push + np.roll(push, 1, 0) + np.roll(push, 2, 0)) / 1.7


def mask(points: np.ndarray, size: int) -> np.ndarray:
    """Coverage (size, size) in 0..1 of a closed outline, antialiased."""
    image = Image.new("L", (size * 2, size * 2))
    ImageDraw.Draw(image).polygon([(x, y) for x, y in points * size * 2], fill=255)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float32) / 255


def distance(points: np.ndarray, size: int) -> np.ndarray:
    """Unit distance (size, size) to a closed outline, negative inside."""
    x, y = grid(size)
    nearest = np.full((size, size), np.inf, np.float32)
    corners = points.astype(np.float32)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, 0), strict=True):
        ex, ey = bx - ax, by - ay
        u = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey + np.float32(1e-12)), 0, 1)
        nearest = np.minimum(nearest, (x - ax - u * ex) ** 2 + (y - ay - u * ey) ** 2)
    return np.sqrt(nearest) * np.where(mask(points, size) > 0.5, -1, 1)
