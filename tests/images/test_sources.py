import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import nst
from nst.images import ImageError, open_cutout, open_image, open_mask, upright_size
from nst.optimise.pictures import open_pictures

RGB = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
RGBA = np.dstack([RGB, np.full((24, 32), 90, np.uint8)])


@pytest.mark.parametrize(
    "array",
    [
        RGB,
        RGB / 255,
        (RGB / 255).astype(np.float32),
        (RGB / 255).astype(np.float16),
        np.asfortranarray(RGB),
        RGB[::-1][::-1],
        (RGB / 255).astype(">f4"),
        np.ma.masked_less(RGB, 9),
        np.dstack([RGB, np.full((24, 32), 255, np.uint8)]),
    ],
)
def test_an_array_is_the_picture_that_it_shows(array: np.ndarray[Any, Any]) -> None:
    assert np.array_equal(open_image(array), RGB)
    assert upright_size(array) == (32, 24)


@pytest.mark.parametrize("array", [RGB[..., 0], RGB[..., 0] / 255])
def test_an_array_of_two_dimensions_is_grey(array: np.ndarray[Any, Any]) -> None:
    assert np.array_equal(open_image(array), np.dstack([RGB[..., 0]] * 3))


def test_the_fourth_channel_is_opacity() -> None:
    for array in (RGBA, RGBA / 255):
        opacity = open_cutout(array)[1]
        assert opacity is not None and opacity.getextrema() == (90, 90)


def test_a_mask_may_be_of_truth_values() -> None:
    assert np.array_equal(open_mask(RGB[..., 0] > 99), (RGB[..., 0] > 99) * 255)


class Named:
    def __fspath__(self) -> bytes:
        return b"photo.png"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (None, "is of type NoneType; pass a path, a PIL image or a NumPy array"),
        (7, "is of type int"),
        (b"\x89PNG", r"is of type bytes; .*, such as PIL\.Image\.open\(io\.BytesIO\(data\)\)"),
        (io.BytesIO(b"\x89PNG"), r"is of type BytesIO; .*, such as PIL\.Image\.open\(file\)"),
        (torch.zeros(3, 24, 32), r"is of type Tensor; .*, such as tensor\.permute\(1, 2, 0\)\.numpy\(force=True\)"),
        ([RGB], "is of type list"),
        (RGB.tolist(), "is of type list"),
        ({"path": "photo.png"}, "is of type dict"),
        (Named(), "is of type Named"),
        (RGB.astype(np.int64), "is an array of int64; pass uint8 from 0 to 255, or floats from 0 to 1"),
        (RGB.astype(np.uint16), "is an array of uint16"),
        (RGB.astype(complex), "is an array of complex128"),
        (RGB.astype(object), "is an array of object"),
        (RGB.astype(str), "is an array of <U"),
        (RGB / 1.0, "is an array of floats from 0 to 255; scale them to 0 to 1"),
        (RGB / 255 - 0.5, "is an array of floats from -0.5 to 0.5"),
        (np.where(RGB == 0, np.nan, 0.5), "is an array of floats from nan to nan"),
        (np.where(RGB == 0, np.inf, 0.5), "is an array of floats from 0.5 to inf"),
        (RGB.transpose(2, 0, 1), r"is an array of shape \(3, 24, 32\); pass H x W, H x W x 3 or H x W x 4"),
        (RGB[None], r"is an array of shape \(1, 24, 32, 3\)"),
        (np.zeros(()), r"is an array of shape \(\)"),
        (np.zeros((0, 0)), "has only 0x0 pixels"),
        (np.zeros((24, 0, 3), np.uint8), "has only 0x24 pixels"),
        (np.zeros((24, 8, 3), np.uint8), "has only 8x24 pixels"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "has 20000x20000 pixels; make it smaller"),
    ],
)
def test_what_is_no_picture_says_what_to_pass(source: Any, complaint: str) -> None:
    with pytest.raises(ImageError, match=f"^the photo {complaint}"):
        open_image(source, "the photo")


def _painted(photo: Any, style: Any, **pictures: Any) -> Image.Image:
    settings = nst.Settings(size=64, effort="one-pass")
    return [*nst.stylize(photo, [style], settings, **pictures)][-1].image


def test_a_painting_to_go_on_from_may_be_an_array_and_nothing_else() -> None:
    settings = nst.Settings(size=64)
    assert open_pictures(RGB, [RGB], settings, start=RGB).start
    with pytest.raises(ImageError, match="^the painting to go on from is of type bytes"):
        open_pictures(RGB, [RGB], settings, start=RGB.tobytes())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("the photo", lambda picture: _painted(picture, RGB)),
        ("the style image", lambda picture: _painted(RGB, picture)),
        ("the mask", lambda picture: _painted(RGB, RGB, mask=picture)),
        ("the photo", lambda picture: nst.OnePass(RGB, size=64)(picture)),
        ("the style image", lambda picture: nst.preview(RGB, picture, size=64)),
    ],
)
def test_all_functions_take_arrays_and_name_other_types(
    name: str, call: Callable[[Any], Image.Image], tmp_path: Path
) -> None:
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    pictures = [call(source) for source in (RGB, Image.fromarray(RGB), tmp_path / "photo.png")]
    assert len({picture.tobytes() for picture in pictures}) == 1
    with pytest.raises(ImageError, match=f"^{name} is of type bytes"):
        call(os.fsencode(tmp_path / "photo.png"))
