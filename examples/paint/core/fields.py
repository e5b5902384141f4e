"""Fields over the canvas: noise, directions for strokes to follow, and places to paint."""

import numpy as np
from PIL import Image


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit coordinates ``x``, ``y`` of the pixel centres, each (size, size)."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(axis, axis)
    return x, y


def noise(size: int, cells: int, rng: np.random.Generator, octaves: int = 4) -> np.ndarray:
    """Smooth noise (size, size), about -1..1; ``cells`` forms across, then ever finer."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        values = rng.uniform(-1, 1, (cells * 2**octave + 3,) * 2).astype(np.float32)
        image = Image.fromarray(values).resize((size, size), Image.Resampling.BICUBIC)
        total += np.asarray(image) * 0.5**octave
    return total


def blur(image: np.ndarray, radius: float) -> np.ndarray:
    """Soften a map (size, size) by a Gaussian of unit ``radius``, mirrored at the edges."""
    reach = max(1, round(3 * radius * len(image)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (radius * len(image))) ** 2)
    out = image
    for _ in range(2):
        padded = np.pad(out, ((reach, reach), (0, 0)), "symmetric")
        length = len(padded) + 2 * reach
        spectrum = np.fft.rfft(padded, length, axis=0)
        spectrum *= np.fft.rfft(kernel / kernel.sum(), length)[:, None]
        out = np.fft.irfft(spectrum, length, axis=0)[2 * reach :][: len(image)].T
    return out.astype(np.float32)


def along(height: np.ndarray) -> np.ndarray:
    """Directions (size, size, 2) along the contours of a map, high ground on the right."""
    down, right = np.gradient(height)
    return np.stack([down, -right], -1) / (np.hypot(down, right) + 1e-9)[..., None]


def swirl(size: int, centres: list[tuple[float, float, float, float]]) -> np.ndarray:
    """Vortices (size, size, 2) from (x, y, radius, strength); add a drift and use as a field.

    Positive strengths turn clockwise; each vortex fades outside its radius.
    """
    x, y = grid(size)
    field = np.zeros((size, size, 2), np.float32)
    for cx, cy, radius, strength in centres:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-4
        pull = strength * np.exp(-((r / radius) ** 2)) / r
        field += np.stack([-dy * pull, dx * pull], -1)
    return field


def at(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Read a map (size, size, ...) at points (..., 2): the nearest pixel, edges extended."""
    cell = np.clip((points * len(image)).astype(int), 0, len(image) - 1)
    return image[cell[..., 1], cell[..., 0]]


def scatter(spacing: float, rng: np.random.Generator, where: np.ndarray | None = None) -> np.ndarray:
    """Evenly jittered points (N, 2) in random order, a little beyond the edges.

    ``where`` (size, size) in 0..1 gives the chance that a point is kept.
    """
    axis = np.arange(-spacing, 1 + 2 * spacing, spacing)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    points = rng.permutation(points + rng.uniform(-0.5, 0.5, points.shape) * spacing)
    return points if where is None else points[rng.random(len(points)) < at(where, points)]


def trace(field: np.ndarray, starts: np.ndarray, length: np.ndarray | float, steps: int = 8) -> np.ndarray:
    """Follow directions (size, size, 2) through the middles (N, 2) -> lines (N, steps + 1, 2)."""
    step = np.broadcast_to(np.asarray(length) / steps, (len(starts),))[:, None]

    def walk(sign: int, count: int) -> list[np.ndarray]:
        place, places = starts, []
        for _ in range(count):
            way = at(field, place)
            way = way / (np.linalg.norm(way, axis=1, keepdims=True) + 1e-9)
            place = place + sign * step * way
            places.append(place)
        return places

    half = steps // 2
    return np.stack([*walk(-1, half)[::-1], starts, *walk(1, steps - half)], 1)
