"""From a request to a prepared run. The page, the command line, the API and MCP all start here."""

import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from nst.gallery import Style, find_style
from nst.images import ImageError, ImageSource, check_plain
from nst.network.vgg import Backbone
from nst.optimise import stylize
from nst.optimise.cost import plan_work, remaining
from nst.optimise.pictures import Pictures, open_pictures
from nst.optimise.recorder import Frame, RunOptions
from nst.recipes import DEFAULT, change, combine
from nst.settings import Settings
from nst.sharing import ONE_PASS, Provenance, ShareLink, file_hash


@dataclass(frozen=True)
class Request:
    """The inputs and options of one painting."""

    photo: ImageSource
    styles: Sequence[str | Path] = ()  # ids or titles of available styles, or Paths of files
    recipe: str | None = None  # a key of RECIPES; None: that of `like`, or the default
    preset: str | None = None  # a key of PRESETS
    overrides: Mapping[str, Any] = field(default_factory=dict)  # settings by name, applied last
    like: ShareLink | None = None  # recipe and settings to start from, unless `recipe` is set
    mask: ImageSource | None = None  # white where to paint
    start: ImageSource | None = None  # a painting of the photo to continue
    sample: str = ""  # the sample photo's id, if it is one
    keep_alpha: bool = False  # keep a transparent background, and do not paint it
    run: RunOptions = RunOptions()
    photo_name: str = ""  # the photo's name in the title; "": the path's stem


@dataclass(frozen=True)
class RemoteBackbone:
    """A backbone that another process holds.

    `paint` takes pictures, settings, options and the job's `stop` event. It yields frames,
    as `nst.optimise.stylize.run` does.
    """

    name: str
    paint: Callable[[Pictures, Settings, RunOptions, threading.Event], Generator[Frame, None, None]]


@dataclass(frozen=True)
class Job:
    """A prepared run. Iterating over `frames` paints."""

    title: str  # such as "lion after swirling_night and gold_spirals"
    pictures: Pictures
    styles: tuple[Style, ...]
    style_hashes: tuple[str, ...]  # `file_hash` of each style
    link: ShareLink  # recipe, settings and names for links and metadata
    backbone: Backbone | RemoteBackbone
    work: float  # in pixel-steps
    frames: Generator[Frame, None, None]
    resumes: bool  # whether `start` is the same painting, unfinished
    stop: threading.Event  # once it is set, the next step, or part of the set-up, raises Stopped

    @property
    def photo(self) -> Image.Image:
        """The photo, RGB."""
        return self.pictures.photo

    @property
    def mask(self) -> Image.Image | None:
        """The mask, grey."""
        return self.pictures.mask

    @property
    def start(self) -> Image.Image | None:
        """The painting to continue, RGB."""
        return self.pictures.start

    @property
    def settings(self) -> Settings:
        """All settings of the run."""
        return self.link.settings

    @property
    def network(self) -> str:
        """The name of the network that paints."""
        return network_name(self.settings, self.backbone)

    def painting(self, frame: Frame) -> Image.Image:
        """The frame's picture for the output file: RGB, or RGBA with `keep_alpha`."""
        if self.pictures.opaque is None:
            return frame.image
        painting = frame.image.copy()
        painting.putalpha(self.pictures.opaque.resize(painting.size, Image.Resampling.LANCZOS))
        return painting

    def provenance(self, frame: Frame) -> Provenance:
        """The metadata of a painting whose last frame is `frame`."""
        start = None if self.resumes else self.start
        inputs = {"mask": self.mask, "start": start, "keep_alpha": self.pictures.opaque}
        return Provenance(
            link=self.link,
            style_hashes=self.style_hashes,
            extra_inputs=tuple(name for name, picture in inputs.items() if picture is not None),
            backbone=self.network,
            step=frame.step,
            steps=frame.steps,
            seconds=round(frame.seconds, 2),
        )


class Stopped(Exception):
    """Another thread has set the run's `stop` event."""


def prepare(
    request: Request,
    available: Sequence[Style],
    backbone: Backbone | RemoteBackbone,
    stop: threading.Event | None = None,
) -> Job:
    """Look up the styles, decode and check all inputs. Nothing is computed yet but colours.

    `available` are the styles that names refer to. Raises ImageError or ValueError with a message
    for people, and Stopped if `stop` is set meanwhile.
    """
    recipe, settings, styles = resolve_request(request, available)
    stop = stop or threading.Event()

    def check_cancelled() -> None:
        if stop.is_set():
            raise Stopped

    files = [style.path for style in styles]
    pictures = open_pictures(
        request.photo, files, settings, request.mask, request.start, request.keep_alpha, check_cancelled
    )
    if isinstance(backbone, RemoteBackbone):
        frames = backbone.paint(pictures, settings, request.run, stop)
    else:
        frames = stylize.run(pictures, settings, backbone, request.run, check_cancelled)
    return Job(
        title=job_title(request.photo, styles, request.photo_name),
        pictures=pictures,
        styles=styles,
        style_hashes=tuple(style_hash(file) for file in files),
        link=ShareLink(recipe, settings, tuple(style.name for style in styles), request.sample),
        backbone=backbone,
        work=pictures_work(pictures, settings, request.run.first_step),
        frames=frames,
        resumes=request.run.first_step > 0,
        stop=stop,
    )


def pictures_work(pictures: Pictures, settings: Settings, first_step: int = 0) -> float:
    """The cost of painting these pictures, in the pixel-steps of `run_work`, without the first steps."""
    start = max(pictures.start.size) if pictures.start and not first_step else 0
    plan = plan_work(settings, pictures.photo.size, start, len(pictures.styles))
    return sum(scale.work - done * scale.step for scale, done in remaining(plan, first_step))


def network_name(settings: Settings, backbone: Backbone | RemoteBackbone) -> str:
    """The name of the network that paints with these settings."""
    return ONE_PASS if settings.in_one_pass else backbone.name


def job_title(photo: ImageSource, styles: Sequence[Style], photo_name: str = "") -> str:
    """A title such as "lion after swirling_night and gold_spirals"."""
    stem = Path(photo).stem if isinstance(photo, str | os.PathLike) else "photo"
    names = " and ".join(style.name for style in styles)
    return " after ".join(filter(None, (photo_name or stem, names)))


def style_hash(file: Path) -> str:
    """The `file_hash` of a style, which perhaps has not been opened; ImageError if it can't be read."""
    check_plain(file, "the style image")
    try:
        return file_hash(file)
    except OSError as error:
        raise ImageError(f"the style image {str(file)!r} can't be read: {error.strerror}") from None


def resolve_request(request: Request, available: Sequence[Style]) -> tuple[str, Settings, tuple[Style, ...]]:
    """Recipe, settings and styles. ValueError for all errors that need no picture to be opened.

    The own settings of the last style apply, unless `like` replaces them.
    """
    styles = tuple(
        Style(style.stem, style, style.stem) if isinstance(style, Path) else find_style(style, available)
        for style in request.styles
    )
    if request.like and request.recipe is None:
        settings = change(request.like.settings, request.preset, request.overrides)
        return request.like.recipe, settings, styles
    recipe = DEFAULT if request.recipe is None else request.recipe
    own = styles[-1].settings if styles else {}
    return recipe, combine(recipe, own, request.preset, request.overrides), styles
