"""Whose colours a painting has: the style's, the photo's, or the style's moved to the photo's."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# CIELAB with 8 bits a channel: steps of 0.4 in lightness and 1 in a and b, below what an eye finds.
_LAB, _SRGB = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
_TO_LAB = ImageCms.buildTransform(_SRGB, _LAB, "RGB", "LAB")
_TO_RGB = ImageCms.buildTransform(_LAB, _SRGB, "LAB", "RGB")

NOISE = 8.0
"""Of 255. Where a photo's colours deviate less than this, much of it is noise, and stays small."""

SAMPLE = 256, 256
"""Pixels, evenly spaced, that tell a picture's palette."""


def in_palette(
    photo: Image.Image,
    paintings: Sequence[tuple[Image.Image, float]],
    share: float = 1.0,
    inside: Image.Image | None = None,
) -> Image.Image:
    """The photo with the mean and covariance of the paintings' RGB values; RGB, the photo's size.

    Paintings come with their shares of the palette, which add up to 1. Of all linear maps that do
    it, the one that moves colours least: Pitié, Kokaram 2007, "The linear Monge-Kantorovitch
    linear colour mapping for example-based colour transfer". `share`, 0..1, tells how much of the
    way they go. With `inside`, grey and of the photo's size, white where to do it, what is there
    alone counts and changes.
    """
    there = Image.new("L", photo.size, 255) if inside is None else inside
    before = moments([(photo, 1.0)], _sample(there).reshape(-1))
    change, shift = (x.astype(np.float32) for x in palette_map(*before, *moments(paintings)))
    pixels = np.asarray(photo, dtype=np.float32)
    amount = share / 255 * np.asarray(there, dtype=np.float32)[..., None]
    pixels = pixels + amount * (pixels @ change + shift)
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def palette_map(
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    goal: NDArray[np.float64],
    wanted: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From one mean and covariance to others: what to multiply pixels by and add, to add to them.

    Means are ... x 3, covariances ... x 3 x 3; any dimensions before are broadcast.
    """
    root, inverse = _powers(spread + NOISE**2 * np.eye(3))
    middle, _ = _powers(root @ wanted @ root)
    change = inverse @ middle @ inverse - np.eye(3)
    return change, goal - mean - (mean[..., None, :] @ change)[..., 0, :]


def match_colours(painting: Image.Image, photo: Image.Image) -> Image.Image:
    """The painting with the mean and covariance of the photo's RGB values.

    A linear map of colours, S_photo^(1/2) S_painting^(-1/2), as Gatys et al. 2016, "Preserving
    Color in Neural Artistic Style Transfer", section 3.
    """
    pixels, goal = _rows(painting), _rows(photo)
    # One more of variance: a grey picture's covariance is nearly singular.
    _, to_white = _powers(np.cov(pixels.T) + np.eye(3))
    to_photo, _ = _powers(np.cov(goal.T) + np.eye(3))
    moved = (pixels - pixels.mean(0)) @ (to_photo @ to_white).T + goal.mean(0)
    shape = (painting.height, painting.width, 3)
    return Image.fromarray(moved.round().clip(0, 255).astype(np.uint8).reshape(shape))


def match_lightness(painting: Image.Image, photo: Image.Image) -> Image.Image:
    """The painting in grey, with the mean and the deviation of the photo's lightness.

    The same paper, section 4, in CIELAB.
    """
    values, goal = (np.asarray(lightness(image), dtype=np.float32) for image in (painting, photo))
    values = (values - values.mean()) * (goal.std() / max(values.std(), 1e-3)) + goal.mean()
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8)).convert("RGB")


def lightness(image: Image.Image) -> Image.Image:
    """CIELAB's L as a grey picture of one channel, 0..255."""
    lab = ImageCms.applyTransform(image, _TO_LAB)
    assert lab is not None  # it is only when transformed in place
    return lab.getchannel(0)


def with_colours_of(photo: Image.Image, painting: Image.Image) -> Image.Image:
    """The painting's lightness with the photo's a and b, both RGB and of one size."""
    lab = ImageCms.applyTransform(photo, _TO_LAB)
    assert lab is not None
    mixed = Image.merge("LAB", (lightness(painting), *lab.split()[1:]))
    back = ImageCms.applyTransform(mixed, _TO_RGB)
    assert back is not None
    return back


def _sample(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image.resize(SAMPLE, Image.Resampling.NEAREST), dtype=np.float64)


def moments(
    pictures: Sequence[tuple[Image.Image, float]], weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of the RGB values of pictures with their shares, each pixel weighted."""
    rows = np.concatenate([_sample(picture).reshape(-1, 3) for picture, _ in pictures])
    each = rows.shape[0] // len(pictures)
    counts = np.repeat([share for _, share in pictures], each)
    counts = counts if weights is None else counts * (weights + 1e-3)
    return np.average(rows, axis=0, weights=counts), np.cov(rows.T, aweights=counts)


def _powers(spread: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """S^(1/2) and S^(-1/2)."""
    values, vectors = np.linalg.eigh(spread)
    deviations = np.sqrt(values.clip(1e-6))
    turned, across = vectors.swapaxes(-1, -2), deviations[..., None, :]
    return vectors * across @ turned, vectors / across @ turned


def _rows(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, dtype=np.float64).reshape(-1, 3)
