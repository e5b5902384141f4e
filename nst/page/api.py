"""The page for programs, over HTTP and as tools of an MCP server."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from nst.gallery import Style, find_style
from nst.job import Request
from nst.one_pass import OnePass
from nst.page import clips
from nst.page.context import Page
from nst.page.drafts import SIZE, painter
from nst.page.guard.uploads import sent_file
from nst.page.ui.controls import AT_HAND, blank_control, every_knob, limits
from nst.page.ui.html import duration, sentence, user_error
from nst.recipes import DEFAULT, RECIPES
from nst.service.runs import MAX_STYLES, check, follow
from nst.service.session import PaintTask
from nst.settings import Settings, as_text
from nst.sharing import parts, split_names

PARAMETERS = (*AT_HAND, "seed")
"""The settings that have a parameter of their own; `more` takes the others."""

PROGRAMS = "programs"
"""Whose paintings these are: one visitor's quota has to do for all programs together."""

HELP = {
    "photo": "the picture to paint",
    "style": "names of plates, one to four, with commas between; list_styles tells them",
    **{
        name: f"{knob.metadata['help']}; {limits(knob)} (default {as_text(knob.default)})"
        for name, knob in every_knob().items()
        if name in PARAMETERS
    },
    "recipe": f"{DEFAULT}, or a method of the literature: {', '.join(list(RECIPES)[1:])}",
    "mask": "a picture, white where to paint; a second style goes around it",
    "start": "a painting of this photo to go on from, with other settings or to a larger size",
    "more": "any other setting, written as in a link: coherence=0&init=noise",
}
"""The parameters of `paint`, in order, and what they are."""

NO_PHOTO = "photo is missing: upload a picture first"

MAX_SIZE = 1024
"""Of what is painted in one pass."""

DESCRIPTION = """Paint a photo in the manner of a painting, by neural style transfer.

Streams the picture while it forms, a few times a second; the last picture is the finished PNG.
What is left out is the style's own best setting, or the recipe's."""


@dataclass(frozen=True)
class ApiPart:
    """Hidden components for the parameters of all tools, by name, and what they return."""

    paint: gr.Button
    preview: gr.Button
    paint_clip: gr.Button
    asked: dict[str, gr.components.Component]
    film: gr.File
    picture: gr.Image
    painted: gr.Video


def api_part() -> ApiPart:
    """What programs fill in; nobody sees it."""
    fields = every_knob()
    with gr.Row(visible=False):
        asked: dict[str, gr.components.Component] = {}
        for name in HELP:
            if name in PARAMETERS:
                asked[name] = blank_control(fields[name])
            elif name in {"photo", "mask", "start"}:
                asked[name] = gr.Image(type="filepath", image_mode=None, label=name)
            else:
                asked[name] = gr.Textbox("swirling_night" if name == "style" else None, label=name)
        return ApiPart(
            paint=gr.Button(),
            preview=gr.Button(),
            paint_clip=gr.Button(),
            asked=asked,
            film=gr.File(label="film"),
            picture=gr.Image(type="filepath", format="png"),
            painted=gr.Video(),
        )


def make_paint(page: Page) -> Callable[..., Iterator[Any]]:
    """The endpoint, with a signature and a docstring made from HELP, as clients and MCP want it."""

    def paint(request: gr.Request, **asked: Any) -> Iterator[Any]:
        try:
            wish = _wish(page, **asked)
            work = check(page.app_state, wish, page.app_state.styles)
            run = PaintTask(wish, browser=str(request.session_hash), work=work)
            page.app_state.enqueue(run)
            for shown in follow(page.app_state, run, page.app_state.styles, PROGRAMS):
                if shown.frame.failed:
                    gr.Warning(sentence(shown.frame.failed))
                if shown.late:
                    seconds = duration(page.app_state.config.max_seconds)
                    gr.Warning(f"It was ended after {seconds}, the most that is allowed here.")
                yield str(shown.file)
        except ValueError as error:
            raise user_error(error) from None
        if shown.painting:
            shown.painting.frames.clear()  # nobody will ask for the film

    kind = inspect.Parameter.KEYWORD_ONLY
    first = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", first, annotation=gr.Request)]
    parameters += [
        inspect.Parameter(name, kind)
        if name == "photo"
        else inspect.Parameter(name, kind, default=None)
        for name in HELP
    ]
    paint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    told = "\n".join(f"    {name}: {help}" for name, help in HELP.items())
    paint.__doc__ = f"{DESCRIPTION}\n\nArgs:\n{told}"
    return paint


def _wish(
    page: Page,
    *,
    photo: Any,
    style: str | None = None,
    recipe: str | None = None,
    mask: Any = None,
    start: Any = None,
    more: str | None = None,
    **given: Any,
) -> Request:
    file = sent_file(photo, "the photo")
    if file is None:
        raise ValueError(NO_PHOTO)
    others = parts(more or "")
    return Request(
        photo=file,
        styles=split_names(style or ""),
        recipe=recipe or None,
        overrides={k: value for k, value in given.items() if value is not None} | others,
        mask=sent_file(mask, "the mask"),
        start=sent_file(start, "the painting to go on from"),
        sample=page.app_state.sample(file),
    )


def preview(
    page: Page,
    *,
    photo: Any,
    style: str | None = None,
    size: int | None = None,
    strength: float | None = None,
) -> str:
    """Paint a photo in one pass of a network, in a fraction of a second: a first draft.

    Args:
        photo: the picture to paint
        style: names of plates, one to four, with commas between; list_styles tells them
        size: pixels on the longest side of the draft, up to 1024 (default 512)
        strength: how far the style may go, 0 to 1 (default 0.5)
    """
    try:
        file = sent_file(photo, "the photo")
        if file is None:
            raise ValueError(NO_PHOTO)
        paint, previewer = _one_pass(page, style, size, strength), page.app_state.previewer
        drawn = previewer.draft(file, paint)
        if drawn is None:
            raise ValueError("too many drafts are wanted at once; try again in a moment")
        place = page.app_state.store.lend() / "draft.webp"
        place.write_bytes(drawn)
    except ValueError as error:
        raise user_error(error) from None
    return str(place)


def paint_clip(
    page: Page,
    *,
    film: Any,
    style: str | None = None,
    size: int | None = None,
    strength: float | None = None,
) -> Iterator[Any]:
    """Paint a short film, picture by picture; its sound stays. It comes back as MP4.

    Args:
        film: the film to paint
        style: names of plates, one to four, with commas between; list_styles tells them
        size: pixels on the longest side of the painted film, up to 1024 (default 512)
        strength: how far the style may go, 0 to 1 (default 0.5)
    """
    try:
        clip = clips.judged(film, page.app_state.config)
        paint = page.app_state.previewer.in_the_end(_one_pass(page, style, size, strength))
        out = page.app_state.store.lend() / "painted.mp4"
        for _ in clips.painted(page, clips.ClipTask(clip, paint), out):
            yield gr.skip()  # as long as somebody listens
    except ValueError as error:
        raise user_error(error) from None
    yield str(out)


def _one_pass(
    page: Page, style: str | None, size: int | None, strength: float | None
) -> Callable[[], OnePass]:
    names = split_names(style or "swirling_night")
    if len(names) > MAX_STYLES:
        raise ValueError(f"{len(names)} styles are too many; name {MAX_STYLES} at most")
    plates: list[Style] = [find_style(name, page.app_state.styles) for name in names]
    wanted = SIZE if size is None else size
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or wanted > MAX_SIZE:
        raise ValueError(f"size is {size!r}; it takes a whole number up to {MAX_SIZE}")
    given: dict[str, Any] = {} if strength is None else {"strength": strength}
    Settings(size=wanted, **given)
    return painter(page, plates, size=wanted, **given)


def list_styles(page: Page) -> list[dict[str, str]]:
    """The plates that a photo can be painted after: name, title and what they look like."""
    return [
        {"name": plate.name, "title": plate.title, "description": plate.alt}
        for plate in page.app_state.styles
    ]
