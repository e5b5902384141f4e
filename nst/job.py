"""From what was asked to what is painted: the one way in for page, command line, API and MCP."""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from nst.gallery import Style, find_style, own_settings
from nst.images import ImageError, ImageSource, fit
from nst.network.vgg import Backbone
from nst.optimise import stylize
from nst.optimise.cost import run_work
from nst.optimise.pictures import Pictures, open_pictures
from nst.optimise.stylize import Frame
from nst.recipes import DEFAULT, change, combine
from nst.settings import Settings
from nst.sharing import Provenance, ShareLink, file_hash

ONE_PASS = "Magenta"
"""Whose network paints in one pass."""


@dataclass(frozen=True)
class Request:
    """What somebody asked for. What was not given is None, or not in `given`.

    A style is the name of a plate, or the Path of a file. `given` are settings by name, which
    always count. `like` is a painting whose recipe and settings to start from; a recipe that is
    given takes its place. `sample` is the name of the sample photo that the photo is, if it is one.
    With `keep_alpha` a cut-out stays one: its transparent ground is not painted. With `every` there
    is a frame each so many steps, beside those that come by time.
    """

    photo: ImageSource
    styles: Sequence[str | Path] = ()
    recipe: str | None = None
    preset: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    like: ShareLink | None = None
    mask: ImageSource | None = None
    start: ImageSource | None = None
    sample: str = ""
    keep_alpha: bool = False
    every: int = 0


@dataclass(frozen=True)
class RemoteBackbone:
    """A backbone that another process has.

    `paint` is as `nst.optimise.stylize.run` is with that backbone: pictures, settings, and after
    how many steps there is a frame beside those that come by time. The event is the job's `stop`.
    """

    name: str
    paint: Callable[[Pictures, Settings, int, threading.Event], Generator[Frame, None, None]]


@dataclass(frozen=True)
class Job:
    """A run that has not begun: what it paints with, and `frames`, which paints when it is read.

    `pictures` are decoded once; `prints` are the styles' fingerprints; `work` is `run_work`'s. Once
    `stop` is set, the next step or part of the set-up raises Stopped.
    """

    title: str
    pictures: Pictures
    styles: tuple[Style, ...]
    style_hashes: tuple[str, ...]
    shared: ShareLink
    backbone: Backbone | RemoteBackbone
    work: float
    frames: Generator[Frame, None, None]
    stop: threading.Event

    @property
    def photo(self) -> Image.Image:
        """RGB."""
        return self.pictures.photo

    @property
    def mask(self) -> Image.Image | None:
        """In grey."""
        return self.pictures.mask

    @property
    def start(self) -> Image.Image | None:
        """The painting to go on from, RGB."""
        return self.pictures.start

    @property
    def settings(self) -> Settings:
        """What the knobs are set to."""
        return self.shared.settings

    @property
    def network(self) -> str:
        """The name of the network that paints."""
        return network(self.settings, self.backbone)

    def painting(self, frame: Frame) -> Image.Image:
        """What the painting's file is to show: RGB, or RGBA of a cut-out."""
        if self.pictures.opaque is None:
            return frame.image
        painting = frame.image.copy()
        painting.putalpha(fit(self.pictures.opaque, self.settings.size))
        return painting

    def provenance(self, frame: Frame) -> Provenance:
        """What the painting's file is to remember, with this as its last frame."""
        parts = {"mask": self.mask, "start": self.start, "keep_alpha": self.pictures.opaque}
        also = tuple(name for name, picture in parts.items() if picture is not None)
        seconds = round(frame.seconds, 2)
        return Provenance(
            self.shared, self.style_hashes, also, self.network, frame.step, frame.steps, seconds
        )


class Stopped(Exception):
    """A run's `stop` was set by another thread than the one that paints."""


def prepare(
    request: Request,
    offered: Sequence[Style],
    backbone: Backbone | RemoteBackbone,
    stop: threading.Event | None = None,
) -> Job:
    """Everything looked up, decoded and checked, nothing computed yet.

    `offered` are the plates that names are looked up in. Raises ImageError or ValueError, whose
    message tells a person what to do.
    """
    recipe, settings, styles = resolve_request(request, offered)
    stop = stop or threading.Event()

    def check_cancelled() -> None:
        if stop.is_set():
            raise Stopped

    files = [plate.path for plate in styles]
    pictures = open_pictures(
        request.photo, files, settings, request.mask, request.start, request.keep_alpha
    )
    names = tuple(plate.name for plate in styles)
    begun = max(pictures.start.size) if pictures.start else 0
    if isinstance(backbone, RemoteBackbone):
        frames = backbone.paint(pictures, settings, request.every, stop)
    else:
        frames = stylize.run(pictures, settings, backbone, request.every, check_cancelled)
    return Job(
        title=job_title(request.photo, styles),
        pictures=pictures,
        styles=styles,
        style_hashes=tuple(_print(file) for file in files),
        shared=ShareLink(recipe, settings, names, request.sample),
        backbone=backbone,
        work=run_work(settings, pictures.photo.size, begun, len(pictures.styles)),
        frames=frames,
        stop=stop,
    )


def network(settings: Settings, backbone: Backbone | RemoteBackbone) -> str:
    """The name of the network that paints with these settings."""
    return ONE_PASS if settings.in_one_pass else backbone.name


def job_title(photo: ImageSource, styles: Sequence[Style]) -> str:
    """Such as "lion after swirling_night and gold_spirals"."""
    stem = "photo" if isinstance(photo, Image.Image) else Path(photo).stem
    return " after ".join(filter(None, (stem, " and ".join(plate.name for plate in styles))))


def _print(style: Path) -> str:
    try:
        return file_hash(style)
    except OSError as error:  # of weight 0, it has not been opened
        raise ImageError(f"the style {str(style)!r} can't be read: {error.strerror}") from None


def resolve_request(
    request: Request, offered: Sequence[Style]
) -> tuple[str, Settings, tuple[Style, ...]]:
    """Recipe, settings and styles, checked as far as can be without opening a picture."""
    styles = tuple(
        Style(style.stem, style, style.stem)
        if isinstance(style, Path)
        else find_style(style, offered)
        for style in request.styles
    )
    if request.like and request.recipe is None:
        settings = change(request.like.settings, request.preset, request.given)
        return request.like.recipe, settings, styles
    recipe = DEFAULT if request.recipe is None else request.recipe
    own = own_settings([plate.name for plate in styles], styles)
    return recipe, combine(recipe, own, request.preset, request.given), styles
