"""Pictures as people see them: upright, in sRGB, the first frame, no larger than needed."""

import os
from pathlib import Path

from PIL import Image

from nst.images import jpeg
from nst.images.files import decode_slot, open_checked
from nst.images.modes import embedded_profile, normalise_mode, scale_key, split
from nst.images.sources import ImageSource

ORIENTATION = 274  # EXIF's tag
_REDUCED = {"L", "LA", "RGB", "RGBA", "CMYK"}  # modes that `normalise_mode` leaves as they are

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = {5, 6, 7, 8}  # orientations that exchange width and height
MIN_REDUCED = 256  # pixels that a picture's shorter side keeps when it is decoded smaller


def open_image(source: ImageSource, name: str = "the picture", least: int | None = None) -> Image.Image:
    """An RGB image as a person sees it: upright, in sRGB, first frame, transparency on white.

    A PIL image may have any mode; `name` is what an ImageError calls the picture. If `least` pixels
    on the longest side are enough, a picture of twice as many is decoded smaller, in a fraction of
    the time.
    """
    return _on_ground("white", *_layers(source, name, least))


def open_cutout(
    source: ImageSource, name: str = "the picture", least: int | None = None
) -> tuple[Image.Image, Image.Image | None]:
    """The same and its opacity (grey, 255 is opaque; None if it is opaque everywhere).

    Half transparent pixels keep their colour; transparent ones are white.
    """
    colour, opacity = _layers(source, name, least)
    return _on_ground("white", colour, opacity and _binary(opacity)), opacity


def open_mask(source: ImageSource, name: str = "the mask", least: int | None = None) -> Image.Image:
    """A mask in grey, white where it counts; transparent pixels are black."""
    return _on_ground("black", *_layers(source, name, least)).convert("L")


def open_alpha(source: ImageSource, name: str = "the picture") -> Image.Image:
    """The opacity of a picture, in grey: 0 is transparent, 255 opaque."""
    with open_checked(source, name) as image, decode_slot(image.size):
        image = normalise_mode(_decoded(image, source, None))
    return image.getchannel("A") if image.mode in {"LA", "RGBA"} else Image.new("L", image.size, 255)


def upright_size(source: ImageSource, name: str = "the picture") -> tuple[int, int]:
    """Width and height as `open_image` returns them, from the file's header.

    A PNG's EXIF behind the pixels is not in the header: such a picture may be wide instead of tall.
    """
    with open_checked(source, name) as image:
        width, height = image.size
        return (height, width) if _orientation(image) in SIDEWAYS else (width, height)


def _layers(source: ImageSource, name: str, least: int | None) -> tuple[Image.Image, Image.Image | None]:
    """The picture, RGB in sRGB and upright, and its opacity; see `open_cutout`."""
    with open_checked(source, name) as image, decode_slot(image.size):
        image = _decoded(image, source, least)
        profile = embedded_profile(image)
        transpose = _TRANSPOSE.get(_orientation(image))
        factor = _factor(image.size, least) if least else 1
        if factor > 1 and image.mode in _REDUCED and "transparency" not in image.info:
            image, factor = image.reduce(factor), 1  # before all of it is copied
        image = normalise_mode(image)
        if factor > 1:
            image = image.reduce(factor)
        colour, opacity = split(image, profile)
        if transpose is not None:
            colour = colour.transpose(transpose)
            opacity = opacity and opacity.transpose(transpose)
        colour.info = {}  # or opening the result would rotate and convert it again
        return colour, opacity


def _decoded(image: Image.Image, source: ImageSource, least: int | None) -> Image.Image:
    """The picture with its pixels; a JPEG file may be decoded smaller."""

    def draft(image: Image.Image) -> None:
        if least and isinstance(source, str | os.PathLike):
            factor = _factor(image.size, least)
            image.draft(None, (image.width // factor, image.height // factor))

    scale_key(image)
    draft(image)
    try:
        image.load()
    except OSError as error:
        if error.errno is not None or image.format not in {"JPEG", "MPO"}:
            raise
        recovered = None
        if isinstance(source, str | os.PathLike):
            recovered = jpeg.recover_missing_eoi(Path(source).read_bytes(), draft)
        if recovered is None:
            raise
        return recovered
    return image


def _factor(size: tuple[int, int], least: int) -> int:
    """How many times smaller a picture may be decoded; 1: not at all."""
    return max(1, min(max(size) // least, min(size) // MIN_REDUCED))


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow rotates these itself
        return 1
    try:
        # A PNG's own `getexif` would decode the picture.
        return int(Image.Image.getexif(image).get(ORIENTATION, 1))
    except Exception:  # damaged EXIF raises any error; the picture is fine
        return 1


def _binary(opacity: Image.Image) -> Image.Image:
    return opacity.point(lambda value: 255 if value else 0)


def _on_ground(ground: str, colour: Image.Image, opacity: Image.Image | None) -> Image.Image:
    if opacity is None:
        return colour
    image = Image.new("RGB", colour.size, ground)
    image.paste(colour, mask=opacity)
    return image
