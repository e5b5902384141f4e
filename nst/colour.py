"""Colour transfer between photo and style, by linear maps of RGB or CIELAB values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# CIELAB with 8 bits per channel: steps of 0.4 in lightness and 1 in a and b, which are invisible.
_LAB, _SRGB = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
_TO_LAB = ImageCms.buildTransform(_SRGB, _LAB, "RGB", "LAB")
_TO_RGB = ImageCms.buildTransform(_LAB, _SRGB, "LAB", "RGB")

NOISE = 8.0
"""Standard deviation of colours, of 255, below which they are mostly noise. It is added to the covariance, so that
noise is not amplified."""

ColourMap = tuple[NDArray[np.float64], NDArray[np.float64]]
"""A linear map of RGB values in 0..255, by a matrix ... x 3 x 3 and a shift ... x 3: new = x + x @ matrix + shift."""

SAMPLE = 256, 256  # grid of pixels from which the moments of a picture are estimated
ROWS = 256  # rows of an image that are mapped at once: floats of a whole poster would take gigabytes


def in_palette(
    photo: Image.Image, paintings: Sequence[tuple[Image.Image, float]], inside: Image.Image | None = None
) -> Image.Image:
    """The photo with the mean and covariance of the paintings' RGB values; RGB, the photo's size.

    `paintings` come with their shares, which add up to 1. `inside` is a grey mask of the photo's size: only what is
    white in it is measured and changed.
    """
    mask = Image.new("L", photo.size, 255) if inside is None else inside
    own = moments([(photo, 1.0)], _sample(mask).reshape(-1))
    return map_colours(photo, palette_map(*own, *moments(paintings)), mask=mask)


def palette_map(
    mean: NDArray[np.float64],
    covariance: NDArray[np.float64],
    target_mean: NDArray[np.float64],
    target_covariance: NDArray[np.float64],
) -> ColourMap:
    """The map to a target mean and covariance that moves colours least.

    Pitié and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer".
    Means are ... x 3, covariances ... x 3 x 3; leading dimensions are broadcast.
    """
    root, inverse = _roots(covariance + NOISE**2 * np.eye(3))
    middle, _ = _roots(root @ target_covariance @ root)
    change = inverse @ middle @ inverse - np.eye(3)
    return change, target_mean - mean - (mean[..., None, :] @ change)[..., 0, :]


def whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """S^(-1/2) of a covariance matrix S, 3 x 3, with NOISE: it makes all standard deviations about 1."""
    return _roots(covariance + NOISE**2 * np.eye(3))[1]


def tone_map(paintings: Sequence[tuple[Image.Image, float]]) -> ColourMap | None:
    """The map that takes away colours which pictures in one tone do not have; None for other pictures.

    The colours of a drawing, an engraving or a grey photograph are close to a line in RGB: across it, their standard
    deviations are below NOISE. The map reduces the deviations of all colours from that line in this proportion.
    """
    mean, covariance = moments(paintings)
    # A little variance along the greys is added, for pictures of one colour. Variances are in ascending order.
    variances, axes = np.linalg.eigh(covariance + 1e-3 * np.ones((3, 3)))
    if variances[1] >= NOISE**2:
        return None
    factors = np.sqrt(variances.clip(0, NOISE**2)) / NOISE
    factors[2] = 1
    change = axes * (factors - 1) @ axes.T
    return change, -mean @ change


def map_colours(
    image: Image.Image, colour_map: ColourMap, share: float = 1.0, mask: Image.Image | None = None
) -> Image.Image:
    """The RGB image with its colours moved by a share of the way that the map moves them.

    `mask` is a grey image of the same size, which multiplies the share: white is all of it.
    """
    change, shift = (x.astype(np.float32) for x in colour_map)
    pixels, shares = np.array(image), np.asarray(mask or Image.new("L", image.size, 255))
    for top in range(0, image.height, ROWS):
        rows, own = pixels[top : top + ROWS], shares[top : top + ROWS, :, None]
        moved = rows + np.float32(share / 255) * own * (rows.astype(np.float32) @ change + shift)
        rows[:] = moved.round().clip(0, 255)
    return Image.fromarray(pixels)


def in_tones(painting: Image.Image, tones: ColourMap | None, strength: float) -> Image.Image:
    """The painting after the `tone_map` of its styles, by `palette_share`; unchanged without a map."""
    return painting if tones is None else map_colours(painting, tones, palette_share(strength))


def palette_share(strength: float) -> float:
    """How far the colours of a painting move to the style's: not at strength 0, fully from 0.5 on."""
    return min(1.0, 2 * strength)


def match_colours(painting: Image.Image, photo: Image.Image) -> Image.Image:
    """The painting with the mean and covariance of the photo's RGB values.

    A linear map of colours, S_photo^(1/2) S_painting^(-1/2): Gatys et al. 2016, "Preserving Color in Neural Artistic
    Style Transfer", section 3.
    """
    pixels, target = _rows(painting), _rows(photo)
    # The added variance of 1 keeps the covariance of a grey picture invertible.
    _, to_white = _roots(np.cov(pixels.T) + np.eye(3))
    to_photo, _ = _roots(np.cov(target.T) + np.eye(3))
    moved = (pixels - pixels.mean(0)) @ (to_photo @ to_white).T + target.mean(0)
    shape = (painting.height, painting.width, 3)
    return Image.fromarray(moved.round().clip(0, 255).astype(np.uint8).reshape(shape))


def match_lightness(painting: Image.Image, photo: Image.Image) -> Image.Image:
    """The painting in grey, with the mean and standard deviation of the photo's lightness.

    The same paper, section 4, but in CIELAB instead of YIQ.
    """
    values, target = (np.asarray(lightness(image), dtype=np.float32) for image in (painting, photo))
    values = (values - values.mean()) * (target.std() / max(values.std(), 1e-3)) + target.mean()
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8)).convert("RGB")


def lightness(image: Image.Image) -> Image.Image:
    """CIELAB's L of an RGB image: one grey channel, 0..255."""
    lab = ImageCms.applyTransform(image, _TO_LAB)
    assert lab is not None  # it is None only for a transform in place
    return lab.getchannel(0)


def with_colours_of(photo: Image.Image, painting: Image.Image) -> Image.Image:
    """The painting's L with the photo's a and b (CIELAB); both RGB and of one size."""
    lab = ImageCms.applyTransform(photo, _TO_LAB)
    assert lab is not None
    mixed = Image.merge("LAB", (lightness(painting), *lab.split()[1:]))
    rgb = ImageCms.applyTransform(mixed, _TO_RGB)
    assert rgb is not None
    return rgb


def moments(
    pictures: Sequence[tuple[Image.Image, float]], weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (3) and covariance (3 x 3) of the RGB values of pictures, weighted by their shares.

    `weights` are further weights of the pixels of `SAMPLE`, as one row.
    """
    rows = np.concatenate([_sample(picture).reshape(-1, 3) for picture, _ in pictures])
    each = rows.shape[0] // len(pictures)
    shares = np.repeat([share for _, share in pictures], each)
    total = shares if weights is None else shares * (weights + 1e-3)
    return np.average(rows, axis=0, weights=total), np.cov(rows.T, aweights=total)


def _sample(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image.resize(SAMPLE, Image.Resampling.NEAREST), dtype=np.float64)


def _roots(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The square root of a covariance matrix and its inverse, S^(1/2) and S^(-1/2)."""
    values, vectors = np.linalg.eigh(covariance)
    transposed, deviations = vectors.swapaxes(-1, -2), np.sqrt(values.clip(1e-6))[..., None, :]
    return vectors * deviations @ transposed, vectors / deviations @ transposed


def _rows(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, dtype=np.float64).reshape(-1, 3)
