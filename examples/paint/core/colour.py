"""Colours: sRGB in 0..1 at the surface, mixed in OKLab so that blends stay clean."""

import numpy as np

_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_INVERSE, _LAB_INVERSE = np.linalg.inv(_LMS), np.linalg.inv(_LAB)


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) in 0..1 -> OKLab (..., 3): lightness 0..1, a and b about -0.3..0.3."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _LMS.T) @ _LAB.T


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """OKLab (..., 3) -> sRGB (..., 3), clipped to 0..1."""
    linear = np.clip((lab @ _LAB_INVERSE.T) ** 3 @ _LMS_INVERSE.T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def colours(text: str) -> np.ndarray:
    """Hex colours separated by blanks, ``"1b2a5c f2c14e"`` -> sRGB (N, 3) in 0..1."""
    return np.array([list(bytes.fromhex(word)) for word in text.split()]) / 255


def ramp(palette: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Read a palette (N, 3) as a gradient at positions (...) in 0..1 -> sRGB (..., 3)."""
    lab = rgb_to_lab(palette)
    stops = np.linspace(0, 1, len(lab))
    return lab_to_rgb(np.stack([np.interp(position, stops, channel) for channel in lab.T], -1))


def mix(first: np.ndarray, second: np.ndarray, amount: np.ndarray | float) -> np.ndarray:
    """Blend sRGB colours (..., 3); ``amount`` (...) in 0..1 is the share of ``second``."""
    share = np.asarray(amount)[..., None]
    return lab_to_rgb(rgb_to_lab(first) * (1 - share) + rgb_to_lab(second) * share)


def jitter(rgb: np.ndarray, rng: np.random.Generator, light: float = 0.04, hue: float = 0.02) -> np.ndarray:
    """Vary sRGB colours (..., 3): OKLab deviations of ``light`` and, in a and b, ``hue``."""
    return lab_to_rgb(rgb_to_lab(rgb) + rng.normal(size=rgb.shape) * [light, hue, hue])
