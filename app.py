"""The page: a photo, a style, one button, and the painting as it forms."""

import base64
import filecmp
import html
import io
import json
import logging
import math
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

try:
    import spaces  # ZeroGPU; it has to come before anything that brings torch
except ImportError:
    spaces = None
import gradio as gr
import pandas as pd
from PIL import Image, ImageChops
from starlette.middleware import Middleware

from nst import RECIPES, Frame, ImageError, Settings, load_backbone, stylize
from nst.backbone import Backbone
from nst.film import keep, write_animation, write_film
from nst.gallery import EXAMPLES, Plate, owners_plates, plates
from nst.images import fit, open_image, save_image
from nst.recipes import PRESETS, SOURCES, explained
from nst.settings import as_text
from nst.sharing import Painted, Shared, fingerprint, from_query, from_text, to_query, to_text
from nst.transfer import pixel_steps, schedule
from nst.wall import WallError, hang, latest
from nst.weights import fetch_vgg19

log = logging.getLogger("nst")

PHOTOS = [gr.get_image(name) for name in ("tower.jpg", "lion.jpg", "cheetah1.jpg")]
FOLDED = ("strength", "effort", "size", "colour", "style_scale", "detail", "smoothness")
"""The knobs a painter reaches for; the others are for those who know the method."""

OF_THE_PLATE = ("strength", "style_scale", "smoothness")
"""The knobs that go to a plate's best settings, or else to the default, when it is clicked."""

OF_THE_PRESET = ("strength", "detail", "style_scale")

MOST_STYLES = 4

SPACE = os.environ.get("SPACE_ID", "")
WALL = os.environ.get("NST_WALL", "")
"""A dataset repository on the Hub for visitors to hang their paintings in; none: no wall."""

MOST_SECONDS = float(os.environ.get("NST_MAX_SECONDS") or (600 if SPACE else math.inf))
"""A longer run is refused: on a Space others wait for their turn."""

LATEX = [
    {"left": left, "right": left, "display": display}
    for left, display in (("$$", True), ("$", False))
]

MASK_PIXELS = 768
"""Longest side of the photo in the editor: a mask needs no more, and a phone no less."""
MOST_PAINTINGS = 64
"""On the server, to go on from or to make a film of; older ones are let go."""
MOST_REMEMBERED = 8
"""In a visitor's browser, which has 5 MB for a page."""
MOST_KEPT = 120
"""Frames of one run for its film."""
PLOT_INTERVAL = 1.0
"""Seconds between two drawings of the losses, which cost a browser more than a picture does."""

CSS = """
#status { min-height: 2.6rem; }
#styles .grid-wrap { max-height: none; min-height: 0; }
#styles .grid-container { grid-template-columns: repeat(auto-fill, minmax(5.4rem, 1fr)); }
#styles .caption-label { left: 4px; right: 4px; bottom: 4px; max-width: none; padding: 2px 4px;
  font-size: .7rem; text-align: center; white-space: normal; }
#canvas img { width: 100%; height: 100%; object-fit: contain; }
#canvas .empty { flex-direction: column; }
#canvas .empty::after { content: "Your painting will grow here"; display: block;
  color: var(--body-text-color-subdued); margin-top: .75rem; }
#about .katex-display { font-size: .85em; overflow: auto hidden; padding: .25rem 0; }
#card { min-height: 3rem; font-size: var(--text-sm); }
#strip .caption-label { display: none; }
#strip .grid-wrap { padding-top: 2rem; }
#strip .grid-container { grid-template-columns: repeat(auto-fill, 6rem); }
button[role=tab].selected { color: var(--primary-700); }
.dark button[role=tab].selected { color: var(--primary-500); }
.bar { height: 6px; border-radius: 3px; background: var(--neutral-200); overflow: hidden; }
.dark .bar { background: var(--neutral-700); }
.bar > div { height: 100%; background: var(--primary-500); transition: width .3s linear; }
.told { display: flex; justify-content: space-between; gap: 1rem; margin-bottom: .35rem;
  font-size: var(--text-sm); color: var(--body-text-color); }
.told span:last-child { color: var(--body-text-color-subdued); }
"""


COPY_JS = """async query => {
    const page = PAGE || location.origin + location.pathname;
    const link = query ? page + "?" + query : page;
    try { await navigator.clipboard.writeText(link); }
    catch {
        const field = document.createElement("textarea");
        field.value = link;
        document.body.append(field);
        field.select();
        document.execCommand("copy");
        field.remove();
    }
}""".replace("PAGE", json.dumps(f"https://huggingface.co/spaces/{SPACE}" if SPACE else ""))
"""Copies the link; a frame that may not use the clipboard has the old way."""

ADDRESS_JS = """query => {
    history.replaceState(null, "", query ? "?" + query : location.pathname);
    if (window.parent !== window)
        window.parent.postMessage({queryString: query}, "https://huggingface.co");
}"""
"""The address bar tells what is set; on a Space, which is a frame, the page around it does."""

NAMES_JS = """() => {
    const samples = SAMPLES;
    const name = () => {
        for (const style of document.querySelectorAll(".thumbnail-item:has(.caption-label)"))
            style.setAttribute("aria-label", style.querySelector(".caption-label").textContent);
        document.querySelectorAll("button.gallery-item").forEach((photo, number) =>
            photo.setAttribute("aria-label", samples[number]));
        document.querySelector("#canvas button:has(img)")?.setAttribute("aria-label", "Painting");
        for (const empty of document.querySelectorAll("div[aria-label='Empty value']"))
            empty.removeAttribute("aria-label");
        for (const wide of document.querySelectorAll("#about .katex-display"))
            wide.tabIndex = 0;  // it scrolls where the column is narrow
    };
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
    name();
}""".replace("SAMPLES", json.dumps([Path(path).stem for path in PHOTOS]))
"""Gives what one can reach with the keyboard in Gradio's parts the names that it lacks there."""

HEADER = """<header id="header"><h1>nst</h1>
<p>Drop in a photo, pick a style, and watch it become a painting.</p></header>"""

TITLE = "nst: photos into paintings"
TOLD = "Drop in a photo, pick a style, and watch the photo turn into a painting, step by step."
CARD = EXAMPLES / "results" / "card.jpg"
HEAD = f'<meta name="description" content="{TOLD}">'

THEME = gr.themes.Soft(
    primary_hue="orange", neutral_hue="stone", font=["system-ui", "sans-serif"]
).set(  # quiet, and dark enough to read: 4.5 to 1 at least
    body_text_color_subdued="*neutral_600",
    block_border_width="1px",
    block_info_text_color="*neutral_600",
    block_label_background_fill="*background_fill_primary",
    block_label_background_fill_dark="*background_fill_primary",
    block_label_text_color="*body_text_color",
    block_label_text_color_dark="*body_text_color",
    block_title_background_fill="none",
    block_title_background_fill_dark="none",
    block_title_padding="0",
    block_title_text_color="*body_text_color",
    block_title_text_color_dark="*body_text_color",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_800",
    checkbox_border_color="*neutral_500",
    checkbox_label_background_fill_selected="*primary_700",
    checkbox_label_background_fill_selected_dark="*primary_700",
)


class SocialCard:
    """Puts our title, words and picture in place of Gradio's own in the page's head (Open Graph).

    Plain ASGI, and only for the page itself: the streams of events pass untouched.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        host = headers.get("x-forwarded-host") or headers.get("host", "")
        proto = headers.get("x-forwarded-proto", scope["scheme"]).partition(",")[0]
        picture = f"{proto}://{host}/gradio_api/file={CARD}"
        start: Any = None
        body = b""

        async def changed(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            whole = self._dress(body.decode(), html.escape(picture)).encode()
            kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            length = (b"content-length", str(len(whole)).encode())
            await send(start | {"headers": [*kept, length]})
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, changed)

    def _dress(self, page: str, picture: str) -> str:
        for names, content in (
            ("og:title|twitter:title", TITLE),
            ("og:description|twitter:description", TOLD),
            ("og:image|twitter:image", picture),
        ):
            tag = rf'(<meta\s+(?:property|name)="(?:{names})"\s+content=")[^"]*'
            page = re.sub(tag, lambda found, to=content: found[1] + to, page)
        return re.sub(r'<meta\s+(property|name)="(og:url|twitter:creator)"[^>]*>', "", page)


class Photo(gr.Image):
    """An image input whose file reaches `nst.images` untouched: that is where it is judged."""

    def preprocess(self, payload: Any) -> Any:
        if payload is None or payload.path is None:
            return super().preprocess(payload)
        return payload.path

    def get_block_name(self) -> str:
        return "image"


@dataclass
class Painting:
    """A finished painting on the server: its file, its photo, and frames until its film is made."""

    file: Path
    photo: str
    address: str
    frames: list[bytes] = field(default_factory=list)


class Studio:
    """What all visitors share: the backbone, the plates, the paintings, who has asked to stop."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nst-"))
        self.paintings: dict[str, Painting] = {}
        # OpenMP keeps a team for every thread that computes, and with more of them than processors
        # they sleep instead of waiting, which costs a third of the speed: one thread paints.
        self.engine = ThreadPoolExecutor(1, "engine")
        self.backbone: Backbone = self.engine.submit(load_backbone).result()
        self.plates: list[Plate] = plates()
        self.stops: dict[str, threading.Event] = {}
        self.pace = math.nan  # seconds for a pixel and step, as the last run had it

    def open(self) -> None:
        """Warm up, then look for the owner's plates and VGG-19, behind the visitors' backs."""
        _serve(self.plates)
        threading.Thread(target=self._prepare, daemon=True).start()

    def store(self, painting: Painting) -> str:
        """Keep a painting under a name that nobody can guess; the oldest makes room."""
        token = painting.file.parent.name
        self.paintings[token] = painting
        while len(self.paintings) > MOST_PAINTINGS:
            oldest = self.paintings.pop(next(iter(self.paintings)))
            shutil.rmtree(oldest.file.parent, ignore_errors=True)
        return token

    def run(self, frames: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
        """The frames, computed in the engine's thread, and one ahead of those who look at them."""
        try:
            ahead = self.engine.submit(next, frames, None)
            while frame := ahead.result():
                ahead = self.engine.submit(next, frames, None)
                yield frame
        finally:
            self.engine.submit(frames.close).result()

    def _prepare(self) -> None:
        if not spaces:  # on ZeroGPU nothing may compute outside of a visitor's run
            tiny = open_image(PHOTOS[0])
            for steps in (1, 12):
                settings = Settings(size=256, scales=1, steps=steps)
                *_, frame = self.run(stylize(tiny, [tiny], settings, self.backbone))
            self.pace = frame.seconds / pixel_steps(settings, tiny.size)
        found = owners_plates()
        _serve(found)
        self.plates = [*self.plates, *found]
        if self.backbone.name == "VGG-16" and (weights := fetch_vgg19()):
            self.backbone = self.engine.submit(load_backbone, weights).result()
            log.info("VGG-19 is here and paints from now on")


studio = Studio()


def welcome(request: gr.Request) -> list[Any]:
    """A new page: the plates there are by now, and what the link asks for."""
    shared, complaints = from_query(dict(request.query_params))
    photo = next((path for path in PHOTOS if Path(path).stem == shared.photo), None)
    if shared.photo and not photo:
        complaints.append(f"photo {shared.photo!r} is not here")
    return [_hung(studio.plates), studio.plates, photo, *_set(shared, studio.plates, complaints)]


def _set(shared: Shared, styles: list[Plate], complaints: list[str]) -> list[Any]:
    """Styles, recipe and settings in their controls, and what is left out as a notice."""
    known = {plate.name: plate for plate in styles}
    chosen = [name for name in shared.styles if name in known][:MOST_STYLES]
    complaints += [f"style {name!r} is not here" for name in shared.styles if name not in known]
    for complaint in complaints:
        gr.Warning(_sentence(complaint), title="Not everything can be had")
    return [
        gr.Dropdown(_offered(styles), value=chosen, visible=len(chosen) > 1),
        len(chosen) > 1,
        _label(known[chosen[0]]) if chosen else "Pick a style",
        _preset(vars(shared.settings)),
        shared.recipe,
        explained(shared.recipe, studio.backbone.name),
        *_shown(shared.settings),
    ]


def choose(
    styles: list[Plate], chosen: list[str], several: bool, recipe: str, event: gr.SelectData
) -> list[Any]:
    """The style clicked, what there is to say of it, and its best settings."""
    plate = styles[int(event.index)]
    others = [name for name in chosen if name != plate.name] if several else []
    if len(others) == MOST_STYLES:
        raise _sorry(f"Four styles at most: take one away before you add {plate.title}")
    own = plate.settings if recipe == "atelier" else {}
    best = vars(RECIPES[recipe]) | own
    values = (best[name] for name in OF_THE_PLATE)
    return [[*others, plate.name], _label(plate), _preset(best), *values]


def add_style(uploads: list[str], styles: list[Plate]) -> list[Any]:
    """A visitor's own styles come first in the gallery, and the first of them is chosen."""
    try:
        for upload in uploads:
            open_image(upload, "the style")
    except ImageError as error:
        raise _sorry(error) from None
    names = {plate.name for plate in styles}
    own = []
    for upload in map(Path, uploads):
        name, number = upload.stem, 2
        while name in names:
            name, number = f"{upload.stem} {number}", number + 1
        names.add(name)
        own.append(Plate(name, upload, name))
    hung = [*own, *styles]
    return [
        _hung(hung, selected_index=0),
        hung,
        gr.Dropdown(_offered(hung), value=[own[0].name]),
        _label(own[0]),
    ]


def blend(several: bool, chosen: list[str]) -> Any:
    """Show what is blended; the last style chosen stays when nothing is any more."""
    return gr.Dropdown(value=chosen if several else chosen[-1:], visible=several)


def choose_recipe(recipe: str) -> list[Any]:
    """The recipe's formula and source, and its settings in the controls."""
    settings = RECIPES[recipe]
    explanation = explained(recipe, studio.backbone.name)
    return [_preset(vars(settings)), explanation, *_shown(settings)]


def _preset(settings: dict[str, Any]) -> str | None:
    """The preset that these settings are, if they are one."""
    return next((k for k, few in PRESETS.items() if few.items() <= settings.items()), None)


def choose_preset(preset: str) -> list[Any]:
    """The preset's few knobs in their controls."""
    return [PRESETS[preset][name] for name in OF_THE_PRESET]


def plan(photo: str | None, chosen: list[str], recipe: str, *knobs: Any) -> tuple[Any, ...]:
    """How long this would take here, its address, and what is of use: weights, another seed."""
    from_noise = knobs[KNOBS.index("init")] == "noise"
    of_use = gr.Textbox(visible=len(chosen) > 1), gr.Button(visible=from_noise)
    try:
        size = open_image(photo).size if photo else (4, 3)
    except ImageError:  # check_photo tells of it and takes it away
        return gr.skip(), gr.skip(), *of_use
    try:
        settings = _settings(knobs)
    except ValueError as error:
        return _status(str(error), 0), gr.skip(), *of_use
    address = to_query(Shared(recipe, settings, tuple(chosen), _sample_name(photo)))
    seconds = studio.pace * pixel_steps(settings, size)
    told = "Ready when you are"
    if seconds > MOST_SECONDS:
        told = _too_long(seconds, settings)
    elif seconds == seconds:
        told += f": this takes about {_duration(seconds)}"
    default = address == to_query(Shared())
    return _status(told, 0, studio.backbone.name), "" if default else address, *of_use


def another_seed() -> int:
    """For another picture from the same settings."""
    return secrets.randbelow(10_000)


def check_photo(photo: str | None) -> tuple[str | None, str, Any, Any]:
    """Say at once what is wrong with a photo, and offer the settings of one painted here."""
    nothing = "", gr.Row(visible=False), ""
    if photo is None:
        return None, *nothing
    try:
        open_image(photo, "the photo")
        with Image.open(photo) as picture:
            remembered = from_text(picture)
    except ImageError as error:
        gr.Warning(_sentence(error), title="This photo can't be painted")
        return None, *nothing
    if remembered is None:
        return photo, *nothing
    shared = remembered[0].shared
    manner = " and ".join(shared.styles) or "no style"
    offer = f"This picture was painted here, after {html.escape(manner)}."
    return photo, to_query(shared), gr.Row(visible=True), offer


def take_settings(query: str, styles: list[Plate]) -> list[Any]:
    """The settings of a painting that was dropped in, or chosen from one's own."""
    shared, complaints = from_query(dict(parse_qsl(query)))
    return _set(shared, styles, complaints)


def lay_out_mask(photo: str | None) -> Any:
    """The photo under the brush."""
    if photo is None:
        raise _sorry("Add a photo first: drop one in, take one, or click a sample")
    small = open_image(photo)
    small.thumbnail((MASK_PIXELS, MASK_PIXELS))
    return {"background": small, "layers": [], "composite": None}


def forget_mask() -> tuple[Any, None]:
    """Another photo: the mask belongs to the one before."""
    return gr.Accordion(open=False), None


def _mask(editor: dict[str, Any] | None) -> Image.Image | None:
    """What is painted over the photo, in white; none if nothing is."""
    mask = None
    for layer in (editor or {}).get("layers") or []:
        drawn = layer.convert("RGBA").getchannel("A")
        mask = drawn if mask is None else ImageChops.lighter(mask, drawn)
    return mask if mask and mask.getextrema() != (0, 0) else None


def begin(
    photo: str | None,
    chosen: list[str],
    styles: list[Plate],
    editor: dict[str, Any] | None,
    recipe: str,
    painting: str,
    request: gr.Request,
    *knobs: Any,
) -> tuple[Any, ...]:
    """Show at once that the click was heard, or why it leads nowhere."""
    _easel(photo, chosen, styles, editor, recipe, knobs)
    studio.stops[str(request.session_hash)] = threading.Event()
    return (
        gr.Button(visible=False),
        gr.Button("Stop", visible=True, interactive=True),
        gr.Button(interactive=False),
        gr.Button(interactive=False),
        _status("Waiting for the easel", 0),
    )


def stop(request: gr.Request) -> Any:
    """Ask this visitor's run to end; it keeps the picture as it stands."""
    if event := studio.stops.get(str(request.session_hash)):
        event.set()
    return gr.Button("Stopping", interactive=False)


def paint_anew(
    photo: str | None,
    chosen: list[str],
    styles: list[Plate],
    editor: dict[str, Any] | None,
    recipe: str,
    painting: str,
    request: gr.Request,
    *knobs: Any,
) -> Iterator[tuple[Any, ...]]:
    """Paint, and show each frame: canvas, status, losses, download, the painting's name."""
    easel = _easel(photo, chosen, styles, editor, recipe, knobs)
    yield from _follow(easel, str(request.session_hash))


def paint_on(
    photo: str | None,
    chosen: list[str],
    styles: list[Plate],
    editor: dict[str, Any] | None,
    recipe: str,
    painting: str,
    request: gr.Request,
    *knobs: Any,
) -> Iterator[tuple[Any, ...]]:
    """Go on from the painting that is there, with the settings as they are now."""
    before = studio.paintings.get(painting)
    if before is None:
        raise _sorry("There is no painting to go on from any more: paint one first")
    if photo is None or not filecmp.cmp(photo, before.photo, False):
        raise _sorry("The painting is of another photo: bring that one back, or paint this first")
    easel = _easel(photo, chosen, styles, editor, recipe, knobs, before.file)
    yield from _follow(easel, str(request.session_hash))


def _follow(easel: "Easel", session: str) -> Iterator[tuple[Any, ...]]:
    """The frames as the page's outputs; at the end, or at the visitor's Stop, the painting."""
    stopped = studio.stops.get(session) or threading.Event()
    if stopped.is_set():
        return
    history: list[tuple[int, str, float]] = []  # step, term, log10 of its loss
    kept = [keep(fit(open_image(easel.photo), easel.shared.settings.size))]
    frame, plotted, token = None, 0.0, ""
    folder = studio.folder / secrets.token_hex(8)
    folder.mkdir()
    try:
        for frame in easel.frames:
            history += [
                (frame.step, name, math.log10(value))
                for name, value in frame.losses.items()
                if value > 0
            ]
            small = keep(frame.image)
            kept.append(small)
            if len(kept) > MOST_KEPT:
                del kept[1::2]
            if frame.done or stopped.is_set():
                break
            preview = folder / f"{frame.step}.jpg"
            preview.write_bytes(small)
            plot: Any = gr.skip()
            if frame.seconds - plotted >= PLOT_INTERVAL:
                plot, plotted = _plot(history), frame.seconds
            yield str(preview), _told(frame, easel.backbone), plot, gr.skip(), gr.skip()
            preview.unlink()
        if frame is None:
            return
        studio.pace = frame.seconds / (easel.work * frame.progress)
        file = folder / f"{easel.title}.png"
        save_image(frame.image, file, to_text(easel.painted(frame)))
        token = studio.store(Painting(file, easel.photo, to_query(easel.shared), kept))
    finally:
        easel.frames.close()
        studio.stops.pop(session, None)
        if not token:
            shutil.rmtree(folder, ignore_errors=True)
    button = gr.DownloadButton("Download PNG", value=file, interactive=True)
    ended = _told(frame, easel.backbone, ended=True)
    yield str(file), ended, _plot(history), button, token


@dataclass
class Easel:
    """A run that has not begun yet, and what there is to know of it."""

    frames: Generator[Frame, None, None]
    backbone: Backbone
    work: float
    photo: str
    shared: Shared
    files: list[Path]
    also: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{_stem(self.photo)} after {' and '.join(map(_stem, self.shared.styles))}"

    def painted(self, frame: Frame) -> Painted:
        """What the painting is to remember."""
        prints = tuple(map(fingerprint, self.files))
        took = round(frame.seconds, 2)
        name = self.backbone.name
        return Painted(self.shared, prints, self.also, name, frame.step, frame.steps, took)


def _easel(
    photo: str | None,
    chosen: list[str],
    styles: list[Plate],
    editor: dict[str, Any] | None,
    recipe: str,
    knobs: tuple[Any, ...],
    start: Path | None = None,
) -> Easel:
    """Everything ready to paint; gr.Error if there is nothing to paint with."""
    if not photo:
        raise _sorry("Add a photo first: drop one in, take one, or click a sample")
    known = {plate.name: plate.path for plate in [*studio.plates, *styles]}
    if missing := [name for name in chosen if name not in known]:
        raise _sorry(f"There is no style {missing[0]!r}; there are {', '.join(known)}")
    try:
        settings = _settings(knobs)
        if not chosen and settings.style_layers:
            raise _sorry("Choose a style first: click one of the pictures, or add your own")
        backbone, mask = studio.backbone, _mask(editor)
        files = [known[name] for name in chosen]
        frames = studio.run(stylize(photo, files, settings, backbone, mask, start))
        if spaces:
            frames = _on_zero_gpu(photo, files, settings, mask, start)
        begun = max(open_image(start).size) if start else 0
        work = pixel_steps(settings, open_image(photo).size, begun)
    except ValueError as error:
        raise _sorry(error) from None
    if studio.pace * work > MOST_SECONDS:
        raise _sorry(_too_long(studio.pace * work, settings))
    shared = Shared(recipe, settings, tuple(chosen), _sample_name(photo))
    also = tuple(name for name, given in (("mask", mask), ("start", start)) if given)
    return Easel(frames, backbone, work, photo, shared, files, also)


def _on_zero_gpu(
    photo: str, files: list[Path], settings: Settings, mask: Any, start: Path | None
) -> Generator[Frame, None, None]:
    yield from stylize(photo, files, settings, studio.backbone, mask, start)


def _gpu_seconds(photo: str, files: list[Path], settings: Settings, *_: Any) -> int:
    """What to ask ZeroGPU for: ten million pixels and steps a second is a cautious guess."""
    return math.ceil(20 + pixel_steps(settings, open_image(photo).size) / 1e7)


if spaces:
    _on_zero_gpu = spaces.GPU(duration=_gpu_seconds)(_on_zero_gpu)


def remember(painting: str, photo: str | None, remembered: list[dict[str, str]]) -> tuple[Any, ...]:
    """The painting joins the visitor's own; before and after side by side."""
    made = studio.paintings.get(painting)
    if made is None or photo is None:
        return (gr.skip(),) * 4
    image = open_image(made.file)
    small = image.copy()
    small.thumbnail((384, 384))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=80)
    entry = {
        "token": painting,
        "address": made.address,
        "title": made.file.stem,
        "picture": base64.b64encode(data.getvalue()).decode(),
    }
    remembered = [entry, *remembered][:MOST_REMEMBERED]
    before = fit(open_image(photo), max(image.size))
    return remembered, _strip(remembered), (before, image), gr.Button(interactive=True)


def show_remembered(remembered: list[dict[str, str]]) -> Any:
    """The strip of one's own paintings, as the browser has kept it."""
    return _strip(remembered)


def bring_back(
    remembered: list[dict[str, str]],
    styles: list[Plate],
    painting: str,
    event: gr.SelectData,
) -> list[Any]:
    """A painting of before, its settings, and the one that was there beside it."""
    entry = remembered[int(event.index)]
    made, there = studio.paintings.get(entry["token"]), studio.paintings.get(painting)
    image = open_image(made.file) if made else _picture(entry)
    beside = open_image(there.file) if there else image
    button = gr.skip()
    if made:
        button = gr.DownloadButton("Download PNG", value=made.file, interactive=True)
    shared, complaints = from_query(dict(parse_qsl(entry["address"])))
    return [
        image,
        button,
        entry["token"],
        (beside.resize(image.size), image),
        gr.Button(interactive=made is not None),
        int(event.index),
        gr.Button(visible=True),
        *_set(shared, styles, complaints),
    ]


def take_down(remembered: list[dict[str, str]], number: int) -> tuple[Any, ...]:
    """One of one's own paintings less."""
    left = [entry for place, entry in enumerate(remembered) if place != number]
    return left, _strip(left), gr.Button(visible=False)


def _strip(remembered: list[dict[str, str]]) -> Any:
    pictures = [(_picture(entry), entry["title"]) for entry in remembered]
    return gr.Gallery(pictures, visible=bool(pictures), selected_index=None)


def _picture(entry: dict[str, str]) -> Image.Image:
    return open_image(Image.open(io.BytesIO(base64.b64decode(entry["picture"]))))


def make_film(painting: str) -> tuple[Any, Any, Any]:
    """The making-of, as MP4 to see and as both to take along."""
    made = studio.paintings.get(painting)
    if made is None or not made.frames:
        return gr.skip(), gr.skip(), gr.skip()
    film, animation = (made.file.with_suffix(suffix) for suffix in (".mp4", ".webp"))
    write_film(made.frames, film)
    write_animation(made.frames, animation)
    made.frames = []
    return (
        str(film),
        gr.DownloadButton(value=film, interactive=True),
        gr.DownloadButton(value=animation, interactive=True),
    )


def hang_up(painting: str) -> None:
    """Upload the painting, with its recipe, for everybody to see; only when asked to."""
    made = studio.paintings.get(painting)
    if made is None:
        raise _sorry("There is no painting to hang: paint one first")
    try:
        hang(WALL, made.file)
    except WallError as error:
        raise _sorry(error) from None
    gr.Info("It hangs on the wall.")


def look_at_wall() -> tuple[Any, list[str]]:
    """The latest paintings of everybody, and the links that repeat them."""
    try:
        found = latest(WALL)
    except WallError as error:
        raise _sorry(error) from None
    pictures, addresses = [], []
    for file in found:
        with Image.open(file) as picture:
            remembered = from_text(picture)
        if remembered:
            shared = remembered[0].shared
            pictures.append((str(file), " and ".join(shared.styles)))
            addresses.append(to_query(shared))
    return gr.Gallery(pictures), addresses


def repeat(addresses: list[str], styles: list[Plate], event: gr.SelectData) -> list[Any]:
    """The settings of a painting on the wall."""
    return take_settings(addresses[int(event.index)], styles)


def paint(
    photo: str,
    style: str = "swirling_night",
    strength: float = 0.5,
    size: int = 512,
    effort: str = "normal",
    colour: str = "style",
    style_scale: float = 1.0,
    detail: float = 0.0,
    smoothness: float = 0.2,
    seed: int = 0,
    recipe: str = "atelier",
    mask: str | None = None,
    start: str | None = None,
    more: str = "",
) -> Iterator[str]:
    """Paint a photo in the manner of a painting, by neural style transfer.

    Streams the picture while it forms, a few times a second; the last picture is the finished PNG.

    Args:
        photo: the picture to paint
        style: names of plates, one to four, with commas between; list_styles tells them
        strength: 0 keeps the photo, 1 lets the style rule
        size: longest side of the painting in pixels, 64 to 2048
        effort: quick, normal or fine
        colour: whose colours: style, photo, or matched (the style moved to the photo's palette)
        style_scale: size of the strokes, 0.25 to 4
        detail: how much of the photo's fine structure survives, 0 to 1
        smoothness: calms the finest grain, 0 to 1
        seed: same seed, same picture
        recipe: atelier, or a method of the literature: gatys, texture, reconstruct and others
        mask: a picture, white where to paint; a second style goes around it
        start: a painting of this photo to go on from, with other settings or to a larger size
        more: any other setting, written as in a link: coherence=0&init=noise
    """
    given = {
        "strength": strength,
        "size": size,
        "effort": effort,
        "colour": colour,
        "style_scale": style_scale,
        "detail": detail,
        "smoothness": smoothness,
        "seed": seed,
    }
    if recipe not in RECIPES:
        raise _sorry(f"recipe is {recipe!r}; choose one of {', '.join(RECIPES)}")
    # What is left at its default is the recipe's to say.
    asked: dict[str, Any] = {k: v for k, v in given.items() if v != getattr(Settings(), k)}
    others = dict(parse_qsl(more))
    if unknown := set(others) - set(KNOBS):
        raise _sorry(f"more has {', '.join(sorted(unknown))}; the settings are {', '.join(KNOBS)}")
    chosen = [name.strip() for name in style.split(",") if name.strip()]
    try:
        settings = replace(RECIPES[recipe], **asked, **others)
        white = open_image(mask, "the mask").convert("L") if mask else None
    except (ValueError, TypeError) as error:
        raise _sorry(error) from None
    editor = None
    if white:
        layer = Image.new("RGBA", white.size)
        layer.putalpha(white)
        editor = {"layers": [layer]}
    begun = Path(start) if start else None
    easel = _easel(photo, chosen, studio.plates, editor, recipe, tuple(_shown(settings)), begun)
    for picture, *_, token in _follow(easel, secrets.token_hex(8)):  # noqa: B007
        yield picture
    studio.paintings[token].frames.clear()  # nobody will ask for the film


def list_styles() -> list[dict[str, str]]:
    """The plates that a photo can be painted after: name, title and what they look like."""
    return [
        {"name": plate.name, "title": plate.title, "description": plate.alt}
        for plate in studio.plates
    ]


def _settings(knobs: tuple[Any, ...]) -> Settings:
    return Settings(**dict(zip(KNOBS, knobs, strict=True)))


def _too_long(seconds: float, settings: Settings) -> str:
    steps = sum(count for _, count in schedule(settings))
    return (
        f"This would take about {_duration(seconds)}, and {_duration(MOST_SECONDS)} are allowed "
        f"here: choose {math.floor(steps * MOST_SECONDS / seconds)} steps, or a smaller size"
    )


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 100 else f"{round(seconds / 60)} min"


def _sample_name(photo: str | None) -> str:
    """The name of the sample that this file is, if it is one: a link can only tell of those."""
    return next((Path(p).stem for p in PHOTOS if photo and filecmp.cmp(p, photo, False)), "")


def tell_of_link() -> None:
    """What the link in the clipboard is good for."""
    gr.Info("Link copied: it brings back style and settings; your own photo stays with you.")


def end() -> tuple[Any, ...]:
    """Paint is back, Stop goes, however the run ended."""
    return gr.Button(visible=True), gr.Button(visible=False), gr.Button(interactive=True)


def _hung(styles: list[Plate], **options: Any) -> Any:
    """The gallery with these plates on its wall."""
    return gr.Gallery([(str(plate.path), plate.title) for plate in styles], **options)


def _offered(styles: list[Plate]) -> list[tuple[str, str]]:
    return [(plate.title, plate.name) for plate in styles]


def _shown(settings: Settings) -> list[Any]:
    """The values of the controls, in the order of KNOBS."""
    values = (getattr(settings, name) for name in KNOBS)
    return [as_text(value) if isinstance(value, tuple) else value for value in values]


def _label(plate: Plate) -> str:
    """The card beside a plate, with its picture in words for those who can't see it."""
    title, tradition, description, alt = (
        html.escape(text) for text in (plate.title, plate.tradition, plate.description, plate.alt)
    )
    picture = f'<span role="img" aria-label="{alt}"></span>'
    return f"<p>{picture}<strong>{title}</strong> {tradition}<br>{description}</p>"


def _serve(styles: list[Plate]) -> None:
    """Let browsers have the files of samples and plates as they are, wherever they lie."""
    gr.set_static_paths([str(CARD), *PHOTOS, *(str(plate.path) for plate in styles)])


def _sorry(problem: ValueError | str) -> gr.Error:
    return gr.Error(_sentence(problem), print_exception=False)


def _stem(path: str | None) -> str:
    return Path(path or "").stem[:40]


def _sentence(problem: ValueError | str) -> str:
    text = str(problem).rstrip(".")
    return html.escape(text[:1].upper() + text[1:]) + "."


def _told(frame: Frame, backbone: Backbone, ended: bool = False) -> str:
    took = f"{frame.seconds:.0f} s"
    if not ended:
        left = frame.seconds * (1 - frame.progress) / max(frame.progress, 1e-6)
        what = f"Painting, about {max(1, round(left))} s left"
    else:
        what = f"Done in {took}" if frame.done else f"Stopped after {took}"
    aside = f"step {frame.step} of {frame.steps} · {backbone.name}"
    return _status(what, 1.0 if ended else frame.progress, aside)


def _status(what: str, progress: float, aside: str = "") -> str:
    percent = round(100 * progress)
    return (
        f'<div class="told"><span>{html.escape(what)}</span><span>{html.escape(aside)}</span></div>'
        f'<div class="bar" role="progressbar" aria-label="Progress" aria-valuenow="{percent}" '
        f'aria-valuemin="0" aria-valuemax="100"><div style="width: {percent}%"></div></div>'
    )


def _plot(history: list[tuple[int, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(history, columns=["step", "term", "loss"])


KNOBS = [knob.name for knob in fields(Settings)]
API_KNOBS = [
    *("strength", "size", "effort", "colour", "style_scale", "detail", "smoothness", "seed")
]


def _component(knob: Any) -> Any:
    """The control that fits a knob of Settings."""
    told, info = knob.metadata, knob.metadata["help"].capitalize()
    if told["choices"]:
        return gr.Radio(list(told["choices"]), value=knob.default, label=told["label"], info=info)
    if told["low"] is None:
        return gr.Textbox(as_text(knob.default), label=told["label"], info=info)
    if told["high"] > 10_000 or told["step"] is None:
        whole = 0 if knob.type is int else None
        return gr.Number(
            knob.default, label=told["label"], info=info, precision=whole, minimum=told["low"]
        )
    return gr.Slider(
        told["low"], told["high"], knob.default, step=told["step"], label=told["label"], info=info
    )


def build() -> gr.Blocks:
    """The page."""
    with gr.Blocks(title=TITLE, delete_cache=(3600, 86400)) as page:
        gr.HTML(HEADER)
        styles, painting, offered, number = gr.State([]), gr.State(""), gr.State(""), gr.State(0)
        remembered = gr.BrowserState([], storage_key="nst-paintings")
        address = gr.Textbox(visible=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                photo = Photo(
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "webcam", "clipboard"],
                    label="Your photo",
                    height=280,
                    elem_id="photo",
                    placeholder="Drop a photo here\nor click to choose one",
                )
                with gr.Row(visible=False, elem_id="offer") as offer:
                    offer_text = gr.HTML()
                    offer_button = gr.Button("Use its settings", size="sm")
                gr.Examples([[path] for path in PHOTOS], [photo], label="Or try one of these")
                card = gr.HTML("Pick a style", elem_id="card")
                gallery = gr.Gallery(
                    label="Styles",
                    show_label=False,
                    columns=4,
                    height="auto",
                    object_fit="cover",
                    allow_preview=False,
                    interactive=False,
                    elem_id="styles",
                    buttons=[],
                )
                upload = gr.UploadButton(
                    "Add your own style", file_types=["image"], file_count="multiple", size="sm"
                )
                controls = {knob.name: knob for knob in fields(Settings)}
                several = gr.Checkbox(
                    label="Blend several styles", info="up to four: click one after the other"
                )
                chosen = gr.Dropdown(
                    [],
                    value=[],
                    multiselect=True,
                    label="Styles chosen",
                    elem_id="chosen",
                    visible=False,
                )
                knobs = {"style_weights": _component(controls["style_weights"])}
                knobs["style_weights"].visible = False
                preset = gr.Radio(
                    [(name.capitalize(), name) for name in PRESETS],
                    value="balanced",
                    label="How far the style may go",
                    elem_id="preset",
                )
                with gr.Accordion("Only a part of the photo", open=False, elem_id="part") as part:
                    gr.Markdown(
                        "Paint over the part that the style is for; the rest stays the photo. "
                        "With two styles blended, the second goes around it."
                    )
                    editor = gr.ImageEditor(
                        type="pil",
                        image_mode="RGBA",
                        sources=[],
                        transforms=[],
                        layers=False,
                        brush=gr.Brush(
                            default_size=40, colors=["rgba(255, 140, 0, 0.6)"], color_mode="fixed"
                        ),
                        label="The part to paint",
                        height=320,
                        elem_id="mask",
                        buttons=[],
                    )
                with gr.Accordion("Settings", open=False, elem_id="settings"):
                    knobs |= {name: _component(controls[name]) for name in FOLDED}
                    recipe = gr.Dropdown(
                        [(source.title, name) for name, source in SOURCES.items()],
                        value="atelier",
                        label="Recipe",
                        info="The method: ours, or one of the literature as it was",
                        elem_id="recipe",
                    )
                    about = gr.Markdown(elem_id="about", latex_delimiters=LATEX)
                    with gr.Accordion("Under the hood", open=False):
                        rest = [name for name in KNOBS if name not in knobs]
                        knobs |= {name: _component(controls[name]) for name in rest}
            with gr.Column(scale=6, min_width=320):
                with gr.Row():
                    paint_button = gr.Button("Paint", variant="primary", size="lg", elem_id="paint")
                    stop_button = gr.Button(
                        "Stop", variant="stop", size="lg", visible=False, elem_id="stop"
                    )
                status = gr.HTML(elem_id="status")
                with gr.Tabs():
                    with gr.Tab("Painting"):
                        canvas = gr.Image(
                            show_label=False,
                            label="Painting",
                            format="png",
                            interactive=False,
                            elem_id="canvas",
                            height=520,
                            buttons=["fullscreen", *(["share"] if SPACE else [])],
                        )
                    with gr.Tab("Compare"):
                        slider = gr.ImageSlider(
                            label="Photo and painting",
                            show_label=False,
                            interactive=False,
                            elem_id="slider",
                            height=520,
                            buttons=["fullscreen"],
                        )
                    with gr.Tab("Film"):
                        film = gr.Video(
                            label="The making of the painting",
                            show_label=False,
                            interactive=False,
                            autoplay=True,
                            loop=True,
                            elem_id="film",
                            height=470,
                        )
                        with gr.Row():
                            film_button = gr.DownloadButton("Film, MP4", interactive=False)
                            animation_button = gr.DownloadButton(
                                "For chats, WebP", interactive=False
                            )
                with gr.Row():
                    download = gr.DownloadButton(
                        "Download PNG", interactive=False, elem_id="download"
                    )
                    copy_button = gr.Button("Copy link", elem_id="copy")
                    on_button = gr.Button("Paint on from here", interactive=False, elem_id="on")
                    again_button = gr.Button(
                        "Again, with another seed", visible=False, elem_id="again"
                    )
                strip = gr.Gallery(
                    label="Your paintings",
                    columns=8,
                    rows=1,
                    height=150,
                    allow_preview=False,
                    interactive=False,
                    visible=False,
                    elem_id="strip",
                    buttons=[],
                )
                delete_button = gr.Button("Take this one down", visible=False, size="sm")
                with gr.Accordion("Losses", open=False):
                    losses = gr.LinePlot(
                        x="step",
                        y="loss",
                        y_title="loss, as a power of ten",
                        color="term",
                        height=260,
                        show_label=False,
                    )
                with gr.Accordion(
                    "The wall", open=False, visible=bool(WALL), elem_id="wall"
                ) as wall:
                    gr.Markdown("What others have painted; a click takes over the settings.")
                    hung = gr.Gallery(
                        label="The wall",
                        show_label=False,
                        columns=4,
                        allow_preview=False,
                        interactive=False,
                        buttons=[],
                    )
                    hang_button = gr.Button("Hang my painting here, for everybody to see")
        every_knob = [knobs[name] for name in KNOBS]
        set_by_link = [chosen, several, card, preset, recipe, about, *every_knob]
        quiet = {"api_visibility": "private", "show_progress": "hidden"}
        at_once = {"queue": False, **quiet}  # quick, and with nothing to say in a toast
        page.load(None, None, js=NAMES_JS, api_visibility="private")
        welcomed = page.load(welcome, None, [gallery, styles, photo, *set_by_link], **quiet)
        page.load(show_remembered, remembered, strip, **at_once)
        photo.upload(check_photo, photo, [photo, offered, offer, offer_text], **quiet)
        photo.change(forget_mask, None, [part, editor], **at_once)
        planned = {
            "fn": plan,
            "inputs": [photo, chosen, recipe, *every_knob],
            "outputs": [status, address, knobs["style_weights"], again_button],
            **at_once,
        }
        told = {"fn": None, "inputs": address, "js": ADDRESS_JS, "api_visibility": "private"}
        taken = offer_button.click(take_settings, [offered, styles], set_by_link, **quiet)
        part.expand(lay_out_mask, photo, editor, **quiet)
        gallery.select(
            choose,
            [styles, chosen, several, recipe],
            [chosen, card, preset, *(knobs[name] for name in OF_THE_PLATE)],
            **quiet,
        )
        upload.upload(
            add_style,
            [upload, styles],
            [gallery, styles, chosen, card],
            api_visibility="private",
        )
        several.input(blend, [several, chosen], chosen, **quiet)
        preset.input(choose_preset, preset, [knobs[name] for name in OF_THE_PRESET], **at_once)
        recipe.input(choose_recipe, recipe, [preset, about, *every_knob], **at_once)
        gr.on(
            [part.change for part in (photo, chosen, recipe, *every_knob)],
            trigger_mode="always_last",
            **planned,
        ).then(**told)
        copy_button.click(None, address, js=COPY_JS, api_visibility="private").then(
            tell_of_link, None, None, **quiet
        )
        inputs = [photo, chosen, styles, editor, recipe, painting, *every_knob]
        reseeded = again_button.click(another_seed, None, knobs["seed"], **quiet)
        for start, work in (
            (paint_button.click, paint_anew),
            (on_button.click, paint_on),
            (reseeded.success, paint_anew),
        ):
            run = start(
                begin,
                inputs,
                [paint_button, stop_button, on_button, again_button, status],
                concurrency_limit=None,
                **quiet,
            ).success(
                work,
                inputs,
                [canvas, status, losses, download, painting],
                show_progress="minimal",
                show_progress_on=status,
                concurrency_limit=1,
                concurrency_id="device",
                api_visibility="private",
            )
            for whatever in (run.success, run.failure):
                ended = [paint_button, stop_button, again_button]
                whatever(end, None, ended, **at_once)
            run.success(
                remember,
                [painting, photo, remembered],
                [remembered, strip, slider, on_button],
                **quiet,
            ).then(make_film, painting, [film, film_button, animation_button], **quiet)
        stop_button.click(stop, None, stop_button, **at_once)
        brought = strip.select(
            bring_back,
            [remembered, styles, painting],
            [canvas, download, painting, slider, on_button, number, delete_button, *set_by_link],
            **quiet,
        )
        delete_button.click(
            take_down, [remembered, number], [remembered, strip, delete_button], **quiet
        )
        addresses = gr.State([])
        wall.expand(look_at_wall, None, [hung, addresses], api_visibility="private")
        repeated = hung.select(repeat, [addresses, styles], set_by_link, **quiet)
        for settings in (welcomed, taken, brought, repeated):
            # A hidden control does not always tell of its change: plan once more.
            settings.then(**planned).then(**told)
        hang_button.click(hang_up, painting, None, api_visibility="private").then(
            look_at_wall, None, [hung, addresses], **quiet
        )
        with gr.Row(visible=False):
            asked = [Photo(type="filepath"), gr.Textbox("swirling_night")]
            asked += [_component(controls[name]) for name in API_KNOBS]
            asked += [gr.Textbox("atelier"), Photo(type="filepath"), Photo(type="filepath")]
            asked += [gr.Textbox("")]
            gr.Button().click(
                paint,
                asked,
                gr.Image(type="filepath", format="png"),
                api_name="paint",
                concurrency_limit=1,
                concurrency_id="device",
            )
        gr.api(list_styles)
    return page


demo = build()


def main() -> None:
    """Serve the page."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    log.setLevel(logging.INFO)
    studio.open()
    demo.queue(max_size=32)
    # Gradio looks for work a thousand times a second, which takes 6 % of a core from the painter.
    # Twenty times, as it does on Windows, is as quick to the eye.
    demo._queue.sleep_when_free, demo._queue.progress_update_sleep_when_free = 0.05, 0.1
    demo.launch(
        css=CSS,
        head=HEAD,
        theme=THEME,
        app_kwargs={"middleware": [Middleware(SocialCard)]},
        favicon_path=str(EXAMPLES / "favicon.png"),
        max_file_size="40mb",
        mcp_server=True,
    )


if __name__ == "__main__":
    main()
