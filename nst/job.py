"""From what was asked to what is painted: the one way in for page, command line, API and MCP."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from nst.gallery import Plate, find_plate, own_settings
from nst.images import ImageSource, open_image
from nst.network.vgg import Backbone
from nst.optimise.schedule import pixel_steps
from nst.optimise.stylize import Frame, stylize
from nst.recipes import DEFAULT, change, combine
from nst.settings import Settings
from nst.sharing import Painted, Shared, fingerprint


@dataclass(frozen=True)
class Request:
    """What somebody asked for. What was not given is None, or not in `given`.

    A style is the name of a plate, or the Path of a file. `given` are settings by name, which
    always count. `like` is a painting whose recipe and settings to start from; a recipe that is
    given takes its place. `sample` is the name of the sample photo that the photo is, if it is one.
    """

    photo: ImageSource
    styles: Sequence[str | Path] = ()
    recipe: str | None = None
    preset: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    like: Shared | None = None
    mask: ImageSource | None = None
    start: ImageSource | None = None
    sample: str = ""


@dataclass(frozen=True)
class Job:
    """A run that has not begun: what it paints with, and `frames`, which paints when it is read.

    `work` is in pixel-steps (`pixel_steps`); all pictures are RGB, decoded once.
    """

    title: str
    photo: Image.Image
    styles: tuple[Plate, ...]
    mask: Image.Image | None
    start: Image.Image | None
    shared: Shared
    backbone: Backbone
    work: float
    frames: Generator[Frame, None, None]

    @property
    def settings(self) -> Settings:
        """What the knobs are set to."""
        return self.shared.settings

    def provenance(self, frame: Frame) -> Painted:
        """What the painting's file is to remember, with this as its last frame."""
        prints = tuple(fingerprint(plate.path) for plate in self.styles)
        also = tuple(name for name in ("mask", "start") if getattr(self, name) is not None)
        seconds = round(frame.seconds, 2)
        return Painted(
            self.shared, prints, also, self.backbone.name, frame.step, frame.steps, seconds
        )


def prepare(request: Request, offered: Sequence[Plate], backbone: Backbone) -> Job:
    """Everything looked up, decoded and checked, nothing computed yet.

    `offered` are the plates that names are looked up in. Raises ImageError or ValueError, whose
    message tells a person what to do.
    """
    recipe, settings, styles = look_up(request, offered)
    photo = open_image(request.photo, "the photo")
    mask = None if request.mask is None else open_image(request.mask, "the mask")
    begun = "the painting to go on from"
    start = None if request.start is None else open_image(request.start, begun)
    frames = stylize(photo, [plate.path for plate in styles], settings, backbone, mask, start)
    names = tuple(plate.name for plate in styles)
    after = f" after {' and '.join(names)}" if names else ""
    return Job(
        title=_stem(request.photo) + after,
        photo=photo,
        styles=styles,
        mask=mask,
        start=start,
        shared=Shared(recipe, settings, names, request.sample),
        backbone=backbone,
        work=pixel_steps(settings, photo.size, max(start.size) if start else 0),
        frames=frames,
    )


def look_up(request: Request, offered: Sequence[Plate]) -> tuple[str, Settings, tuple[Plate, ...]]:
    """Recipe, settings and styles, checked as far as can be without opening a picture."""
    styles = tuple(
        Plate(style.stem, style, style.stem)
        if isinstance(style, Path)
        else find_plate(style, offered)
        for style in request.styles
    )
    if request.like and request.recipe is None:
        settings = change(request.like.settings, request.preset, request.given)
        return request.like.recipe, settings, styles
    recipe = DEFAULT if request.recipe is None else request.recipe
    own = own_settings([plate.name for plate in styles], styles)
    return recipe, combine(recipe, own, request.preset, request.given), styles


def _stem(photo: ImageSource) -> str:
    return "photo" if isinstance(photo, Image.Image) else Path(photo).stem
