"""The page for programs: an HTTP API, and tools of an MCP server."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr
from gradio.events import api as plain_endpoint

from nst.errors import InputError
from nst.gallery import find_style
from nst.job import Request
from nst.messages import duration, sentence
from nst.page.clip import uploaded_clip
from nst.page.events import QUEUED, Context
from nst.page.ui.controls import MAIN_SETTINGS, blank_control, limits, setting_fields
from nst.recipes import DEFAULT, RECIPES
from nst.service.clips import paint_clip_task
from nst.service.previews import PREVIEW_SIZE
from nst.service.runs import MAX_STYLES, create_task, follow
from nst.service.tasks import ClipTask, PaintTask
from nst.settings import Settings, as_text
from nst.sharing import parse_query, split_names

PARAMETERS = (*MAIN_SETTINGS, "seed")  # the settings that are parameters of their own; `more` takes the others
OWNER = "programs"  # the owner of these paintings in the store: all programs share one visitor's quota

HELP = {
    "photo": "the picture to paint",
    "style": "names of styles, one to four, with commas between or as a list, as list_styles names them",
    **{
        name: f"{field.metadata['help']}; {limits(field)} (default {as_text(field.default)})"
        for name, field in setting_fields().items()
        if name in PARAMETERS
    },
    "recipe": f"{DEFAULT}, or a method of the literature: {', '.join(list(RECIPES)[1:])}",
    "mask": "a picture, white where to paint; a second style goes around it",
    "start": "a painting of this photo to go on from, with other settings or to a larger size",
    "more": "any other setting, written as in a link: coherence=0&init=noise; or as an object",
}
"""The parameters of `paint`, in order."""

NO_PHOTO = "photo is missing: upload a picture first"

MAX_SIZE = 1024  # pixels on the longest side of what is painted in one pass

DEFAULT_STYLE = "swirling_night"

OTHER_SCHEMAS: dict[str, list[dict[str, Any]]] = {
    "style": [{"type": "array", "items": {"type": "string"}}],
    "more": [{"type": "object"}],
}
"""JSON types that parameters take beside those of their components."""

DESCRIPTION = """Paint a photo in the manner of a painting, by neural style transfer.

Streams the picture while it forms, a few times a second; the last picture is the finished PNG.
What is left out is the style's own best setting, or the recipe's."""


class Api:
    """The endpoints, and hidden components for their parameters and results."""

    def __init__(self, context: Context) -> None:
        self.app, self.engine_queue = context.app_state, context.engine_queue
        fields = setting_fields()
        with gr.Row(visible=False):
            self.inputs: dict[str, gr.components.Component] = {}
            for name in HELP:
                if name in PARAMETERS:
                    self.inputs[name] = blank_control(fields[name])
                elif name in {"photo", "mask", "start"}:
                    self.inputs[name] = gr.Image(type="filepath", image_mode=None, label=name)
                else:
                    default = DEFAULT_STYLE if name == "style" else None
                    self.inputs[name] = gr.Textbox(default, label=name)
                _describe(self.inputs[name], OTHER_SCHEMAS.get(name, []))
            self.buttons = [gr.Button() for _ in range(3)]
            self.film = gr.File(label="film")
            self.picture = gr.Image(type="filepath", format="png")
            self.painted = gr.Video()

    def make_paint(self) -> Callable[..., Iterator[Any]]:
        """The `paint` endpoint; its signature and docstring are made from HELP, for clients."""

        def paint(request: gr.Request, **inputs: Any) -> Iterator[Any]:
            try:
                run = self._task(str(request.session_hash), **inputs)
                self.app.enqueue(run)
                for progress in follow(self.app, run, self.app.styles, OWNER):
                    if progress.frame.failed:
                        gr.Warning(sentence(progress.frame.failed))
                    if progress.timed_out:
                        limit = duration(self.app.config.max_seconds)
                        gr.Warning(f"It was ended after {limit}, the most that is allowed here.")
                    yield str(progress.file)
            except InputError as error:
                raise _program_error(error) from None
            if progress.painting:
                progress.painting.frames.clear()  # programs can't request the time-lapse

        first = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter("request", first, annotation=gr.Request)]
        for name in HELP:
            default = inspect.Parameter.empty if name == "photo" else None
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(name, kind, default=default))
        paint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        arguments = "\n".join(f"    {name}: {help}" for name, help in HELP.items())
        paint.__doc__ = f"{DESCRIPTION}\n\nArgs:\n{arguments}"
        return paint

    def _task(
        self,
        session_hash: str,
        *,
        photo: Any,
        style: Any = None,
        recipe: Any = None,
        mask: Any = None,
        start: Any = None,
        more: Any = None,
        **values: Any,
    ) -> PaintTask:
        upload = self.app.uploads.photo(photo)
        if upload is None:
            raise InputError(NO_PHOTO)
        request = Request(
            photo=upload.path,
            styles=_names(DEFAULT_STYLE if style is None else style),
            recipe=None if recipe == "" else recipe,
            overrides=_without_empty(values) | _more(more),
            mask=self.app.uploads.file(mask, "the mask"),
            start=self.app.uploads.file(start, "the painting to go on from"),
            sample=upload.sample,
        )
        return create_task(self.app, request, upload, self.app.styles, session_hash)

    def preview(self, *, photo: Any, style: Any = None, size: Any = None, strength: Any = None) -> str:
        """Paint a photo in one pass of a network, in a fraction of a second: a preview.

        Args:
            photo: the picture to paint
            style: names of styles, one to four, with commas between or as a list, as list_styles names them
            size: pixels on the longest side of the preview, 64 to 1024 (default 512)
            strength: how far the style may go, 0 to 1 (default 0.5)
        """
        try:
            upload = self.app.uploads.photo(photo)
            if upload is None:
                raise InputError(NO_PHOTO)
            paths, options = self._one_pass(style, size, strength)
            picture = self.app.uploads.picture(upload, options["size"])
            preview = self.app.previewer.preview(picture, paths, **options)
            if preview is None:
                raise InputError("too many previews are requested at once; try again in a moment")
            file = self.app.store.result_folder() / "preview.webp"
            file.write_bytes(preview)
        except InputError as error:
            raise _program_error(error) from None
        return str(file)

    def paint_clip(self, *, film: Any, style: Any = None, size: Any = None, strength: Any = None) -> Iterator[Any]:
        """Paint a short film, picture by picture; its sound stays. It comes back as MP4.

        Args:
            film: the film to paint
            style: names of styles, one to four, with commas between or as a list, as list_styles names them
            size: pixels on the longest side of the painted film, 64 to 1024 (default 512)
            strength: how far the style may go, 0 to 1 (default 0.5)
        """
        try:
            paths, options = self._one_pass(style, size, strength)
            clip, previewer = uploaded_clip(self.app, film, options["size"]), self.app.previewer
            stylizer = previewer.run(lambda: previewer.stylizer(*paths, **options))
            out = self.app.store.result_folder() / "painted.mp4"
            for _ in paint_clip_task(self.app, ClipTask(clip=clip, paint=stylizer), out):
                yield gr.skip()  # as long as the program listens
        except InputError as error:
            raise _program_error(error) from None
        yield str(out)

    def _one_pass(self, style: Any, size: Any, strength: Any) -> tuple[list[Any], dict[str, Any]]:
        """The styles' files and the settings of a one-pass picture; ValueError for wrong ones."""
        names = _names(DEFAULT_STYLE if style in (None, "", []) else style)
        if not names:
            raise InputError(f"style is {style!r}; write names with commas between, or a list of names")
        if len(names) > MAX_STYLES:
            raise InputError(f"{len(names)} styles are too many; name {MAX_STYLES} at most")
        paths = [find_style(name, self.app.styles).path for name in names]
        settings = _without_empty({"size": size, "strength": strength})
        return paths, {
            "size": _checked_size(settings.get("size", PREVIEW_SIZE)),
            "strength": Settings(strength=settings.get("strength", Settings.strength)).strength,
        }

    def list_styles(self) -> list[dict[str, str]]:
        """The styles that a photo can be painted after: name, title and what they look like."""
        return [{"name": style.name, "title": style.title, "description": style.alt} for style in self.app.styles]

    def wire(self) -> None:
        """Register the endpoints."""
        paint, preview, paint_clip = self.buttons
        quick = {name: self.inputs[name] for name in ("style", "size", "strength")}
        run = {"preprocess": False, **self.engine_queue}
        paint.click(self.make_paint(), inputs_kwargs={**self.inputs}, outputs=self.picture, api_name="paint", **run)
        preview.click(
            self.preview,
            inputs_kwargs={"photo": self.inputs["photo"], **quick},
            outputs=self.picture,
            api_name="preview",
            **QUEUED | {"api_visibility": "public"},
        )
        paint_clip.click(
            self.paint_clip,
            inputs_kwargs={"film": self.film, **quick},
            outputs=self.painted,
            api_name="paint_clip",
            **run,
        )
        plain_endpoint(self.list_styles, api_name="list_styles")


def _program_error(error: InputError) -> gr.Error:
    """A message for a program, which shows it as text."""
    return gr.Error(sentence(error), print_exception=False)


def _describe(component: gr.components.Component, also: list[dict[str, Any]]) -> None:
    """Let the schema of a parameter name all types that it takes: also numbers as text, and null for its default.

    The MCP server describes files.
    """
    if isinstance(component, gr.Image):
        return
    if isinstance(component, gr.Number):
        also = [{"type": "string"}]
    schema = component.api_info()
    component.api_info = lambda: {"anyOf": [schema, *also, {"type": "null"}]}  # type: ignore[method-assign]


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are not left out; programs also leave them out by null and by an empty text."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def _checked_size(size: Any) -> int:
    """The size of a one-pass picture, in pixels; ValueError for a wrong one."""
    complaint = InputError(f"size is {size!r}; it takes a whole number from 64 to {MAX_SIZE}")
    try:
        pixels = Settings(size=size).size
    except ValueError:
        raise complaint from None
    if pixels > MAX_SIZE:
        raise complaint
    return pixels


def _names(style: Any) -> tuple[str, ...]:
    """Names of styles, from a text with commas or from a list; ValueError for anything else."""
    if isinstance(style, str):
        return split_names(style)
    if isinstance(style, list) and all(isinstance(name, str) for name in style):
        return tuple(style)
    raise InputError(f"style is {style!r}; write names with commas between, or a list of names")


def _more(more: Any) -> dict[str, Any]:
    """Settings by name, as in a link or as an object; ValueError for anything else."""
    if more is None:
        return {}
    if isinstance(more, str):
        return dict(parse_query(more))
    if isinstance(more, dict):
        return more
    raise InputError(f"more is {more!r}; write settings as in coherence=0&init=noise, or as an object")
