"""Pictures as people see them: upright, in sRGB, the first frame, no larger than needed."""

from pathlib import Path

from PIL import Image

from nst.images import jpeg
from nst.images.files import decode_slot, open_checked
from nst.images.limits import ImageSource
from nst.images.modes import normalise_mode, scale_key, split

ORIENTATION = 274
"""EXIF's tag."""

_REDUCED = {"L", "LA", "RGB", "RGBA", "CMYK"}
"""Modes that `plain` leaves as they are."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = {5, 6, 7, 8}
"""Its values for pictures that lie on a side."""

MIN_REDUCED = 256
"""Pixels that a picture's shorter side keeps when it is decoded smaller, for its shape's sake."""


def open_image(
    source: ImageSource, name: str = "the picture", least: int | None = None
) -> Image.Image:
    """An RGB image as a person sees it: upright, in sRGB, first frame, transparency on white.

    `source` is a path or a PIL image of any mode; `name` is what an ImageError calls it. With
    `least`, so many pixels on the longest side are enough, and a picture of twice as many or more
    comes smaller, in a fraction of the time.
    """
    return _laid_on("white", *_layers(source, name, least))


def open_cutout(
    source: ImageSource, name: str = "the picture", least: int | None = None
) -> tuple[Image.Image, Image.Image | None]:
    """The same, and how opaque it is: 0 is transparent, 255 opaque, None: opaque everywhere.

    Colours are those that lie under half transparent pixels; white where nothing is.
    """
    colour, opaque = _layers(source, name, least)
    return _laid_on("white", colour, opaque and _hard(opaque)), opaque


def open_mask(source: ImageSource, name: str = "the mask", least: int | None = None) -> Image.Image:
    """A mask in grey, white where it counts: transparent is black, since nothing is drawn there."""
    return _laid_on("black", *_layers(source, name, least)).convert("L")


def open_alpha(source: ImageSource, name: str = "the picture") -> Image.Image:
    """How opaque a picture is, in grey: 0 is transparent, 255 opaque."""
    with open_checked(source, name) as image, decode_slot(image.size):
        image = normalise_mode(_decoded(image, source, None))
    return (
        image.getchannel("A") if image.mode in {"LA", "RGBA"} else Image.new("L", image.size, 255)
    )


def upright_size(source: ImageSource, name: str = "the picture") -> tuple[int, int]:
    """Width and height as `open_image` would return them, from the file's header alone."""
    with open_checked(source, name) as image:
        width, height = image.size
        return (height, width) if _orientation(image) in SIDEWAYS else (width, height)


def _layers(
    source: ImageSource, name: str, least: int | None
) -> tuple[Image.Image, Image.Image | None]:
    """RGB in sRGB and how opaque it is, upright; see `open_cutout`."""
    with open_checked(source, name) as image, decode_slot(image.size):
        image = _decoded(image, source, least)
        # What Lab says of a colour holds everywhere, and needs no profile.
        profile = None if image.mode == "LAB" else image.info.get("icc_profile")
        turn = _TURNS.get(_orientation(image))
        factor = _factor(image.size, least) if least else 1
        if factor > 1 and image.mode in _REDUCED and "transparency" not in image.info:
            image, factor = image.reduce(factor), 1  # before there is a copy of all of it
        image = normalise_mode(image)
        if factor > 1:
            image = image.reduce(factor)
        colour, opaque = split(image, profile)
        if turn is not None:
            colour, opaque = colour.transpose(turn), opaque and opaque.transpose(turn)
        colour.info = {}  # or whoever opens the result would turn and convert it once more
        return colour, opaque


def _decoded(image: Image.Image, source: ImageSource, least: int | None) -> Image.Image:
    """The picture with its pixels; a JPEG file may decode itself smaller."""

    def draft(image: Image.Image) -> None:
        if least and not isinstance(source, Image.Image):
            factor = _factor(image.size, least)
            image.draft(None, (image.width // factor, image.height // factor))

    scale_key(image)
    draft(image)
    try:
        image.load()
    except OSError as error:
        if error.errno is not None or image.format not in {"JPEG", "MPO"}:
            raise
        whole = None
        if not isinstance(source, Image.Image):
            whole = jpeg.recover_missing_eoi(Path(source).read_bytes(), draft)
        if whole is None:
            raise
        return whole
    return image


def _factor(size: tuple[int, int], least: int) -> int:
    """How many times smaller a picture may be decoded; 1: as it is."""
    return max(1, min(max(size) // least, min(size) // MIN_REDUCED))


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow turns these itself, and tells their size as if it had
        return 1
    try:
        # Not PNG's own `getexif`, which decodes the picture first: `opened` has moved it forward.
        return int(Image.Image.getexif(image).get(ORIENTATION, 1))
    except Exception:  # damaged EXIF comes as any error; the picture itself is fine
        return 1


def _hard(opaque: Image.Image) -> Image.Image:
    return opaque.point(lambda value: 255 if value else 0)


def _laid_on(ground: str, colour: Image.Image, opaque: Image.Image | None) -> Image.Image:
    if opaque is None:
        return colour
    image = Image.new("RGB", colour.size, ground)
    image.paste(colour, mask=opaque)
    return image
