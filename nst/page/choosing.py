"""Before the painting: photo, styles, settings, and what all of it will take."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from nst.gallery import Style, find_style
from nst.images import ImageError, open_image, upright_size
from nst.job import network
from nst.optimise.cost import run_work
from nst.page.context import Outputs, Page, in_sight, preset_of, show_settings, show_shared
from nst.page.guard.uploads import displayable, sent_file
from nst.page.parts import offered
from nst.page.ui.controls import values
from nst.page.ui.html import duration, offer_html, plate_html, sentence, status_html, user_error
from nst.page.welcome import sample_html
from nst.recipes import PRESETS, RECIPES, combine
from nst.service.runs import MAX_STYLES, too_long
from nst.service.session import Session
from nst.settings import Settings
from nst.sharing import ShareLink, from_file, from_query, parts, to_query

OF_A_PRESET = tuple(PRESETS["balanced"])

MAX_OWN_STYLES = 12
"""In a visitor's gallery."""

MASK_PIXELS = 768
"""Longest side of the photo in the editor: a mask needs no more, and a phone no less."""

NO_PHOTO = "Add a photo first: drop one in, take one, or click a sample"


def welcome(page: Page, request: gr.Request) -> Outputs:
    """A new page: the plates there are by now, and what the link asks for."""
    session = Session(welcomed=True, browser=str(request.session_hash))
    shared, complaints = from_query(dict(request.query_params), page.app_state.styles)
    photo = next((p.path for p in page.app_state.photos if p.name == shared.photo), None)
    if shared.photo and not photo:
        complaints.append(f"photo {shared.photo!r} is not here")
    return {
        page.session: session,
        page.style.gallery: gr.Gallery(offered(page.app_state.styles, page.app_state.small)),
        page.canvas.welcome: sample_html(page.app_state),
        **({page.photo.image: str(photo)} if photo else {}),
        **show_shared(page, session, shared, complaints),
    }


def choose_sample(page: Page, event: gr.SelectData) -> Outputs:
    """The sample clicked becomes the photo."""
    photos, place = page.app_state.photos, int(event.index)
    if not 0 <= place < len(photos):
        return gr.skip()
    return {page.photo.image: str(photos[place].path)}


def check_photo(page: Page, *, session: Session, photo: Any) -> Outputs:
    """Say at once what is wrong with a photo, and offer the settings of one painted here."""
    session.offered = None
    nothing: Outputs = {page.photo.offer: gr.Row(visible=False), page.photo.offer_text: ""}
    try:
        file = sent_file(photo, "the photo")
        if file is None:
            return nothing
        shown = displayable(file, "the photo")
        remembered = from_file(file)
    except ImageError as error:
        gr.Warning(sentence(error), title="This photo can't be painted")
        return nothing | {page.photo.image: None}
    if shown != file:
        nothing[page.photo.image] = str(shown)
    if remembered is None:
        return nothing
    session.offered = remembered[0].shared
    offer = offer_html(session.offered.styles)
    return {page.photo.offer: gr.Row(visible=True), page.photo.offer_text: offer}


def take_offer(page: Page, *, session: Session) -> Outputs:
    """The settings of the painting that was dropped in."""
    return show_shared(page, session, session.offered) if session.offered else gr.skip()


def of_a_plate(page: Page) -> dict[str, Any]:
    """The controls that go to a plate's best settings, or else to the recipe's, when it is clicked:
    those of a preset, and whatever else a plate on offer sets."""
    set_by_plates = (name for plate in page.app_state.styles for name in plate.settings)
    return {name: page.settings.knobs[name] for name in (*OF_A_PRESET, *set_by_plates)}


def choose(
    page: Page,
    event: gr.SelectData,
    *,
    session: Session,
    chosen: list[str],
    several: bool,
    recipe: str,
) -> Outputs:
    """The style clicked, what there is to say of it, and its best settings."""
    plate = page.styles(session)[int(event.index)]
    others = [name for name in chosen if name != plate.name] if several else []
    if len(others) >= MAX_STYLES:
        raise user_error(f"Four styles at most: take one away before you add {plate.title}")
    return {page.style.chosen: [*others, plate.name], **_lay(page, plate, recipe)}


def choose_among(page: Page, *, session: Session, chosen: list[str], recipe: str) -> Outputs:
    """Styles were taken out of a blend, or put in by name: the last one's settings count."""
    last = [plate for plate in page.styles(session) if plate.name in chosen[-1:]]
    return _lay(page, last[0], recipe) if last else gr.skip()


def _lay(page: Page, plate: Style, recipe: str) -> Outputs:
    """What there is to say of a style, and its best settings in their controls."""
    best = values(combine(recipe, plate.settings))
    return {
        page.style.card: plate_html(plate),
        page.settings.preset: preset_of(best),
        **{knob: best[name] for name, knob in of_a_plate(page).items()},
    }


def add_styles(
    page: Page,
    *,
    session: Session,
    uploads: Any,
    chosen: list[str],
    several: bool,
    recipe: str,
) -> Outputs:
    """A visitor's own styles come first in the gallery, and the first of them is chosen; where
    several are blended it comes to the others, and takes the last one's place where four are."""
    sent = uploads if isinstance(uploads, list) else [uploads]
    if len(session.styles) + len(sent) > MAX_OWN_STYLES:
        raise user_error(f"{MAX_OWN_STYLES} styles of your own at most; reload to begin anew")
    taken = {plate.name for plate in page.styles(session)}
    own: list[Style] = []
    try:
        for upload in sent:
            if file := sent_file(upload, "the style"):
                own.append(_own_plate(displayable(file, "the style"), taken))
    except ImageError as error:
        raise user_error(error) from None
    if not own:
        return gr.skip()
    session.styles = [*own, *session.styles]
    shown = page.styles(session)
    choices = [(plate.title, plate.name) for plate in shown]
    others = chosen[: MAX_STYLES - 1] if several else []
    return {
        page.style.gallery: gr.Gallery(offered(shown, page.app_state.small), selected_index=0),
        page.style.chosen: gr.Dropdown(choices, value=[*others, own[0].name]),
        **_lay(page, own[0], recipe),
    }


def _own_plate(file: Path, taken: set[str]) -> Style:
    stem = file.stem.strip() or "my style"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem} {number}", number + 1
    taken.add(name)
    return Style(name, file, name)


def blend(page: Page, *, several: bool, chosen: list[str]) -> Outputs:
    """Show what is blended; the last style chosen stays when nothing is any more."""
    chosen = chosen if several else chosen[-1:]
    weights = {} if several else {page.settings.knobs["style_weights"]: ""}
    return {page.style.chosen: gr.Dropdown(value=chosen, visible=several), **weights}


def choose_recipe(page: Page, *, session: Session, recipe: str, chosen: list[str]) -> Outputs:
    """The recipe's formula and source, and its settings in the controls."""
    if recipe not in RECIPES:
        return gr.skip()
    own = [plate.settings for plate in page.styles(session) if plate.name in chosen[-1:]]
    return show_settings(page, recipe, combine(recipe, own[0] if own else {}))


def choose_preset(page: Page, *, preset: str) -> Outputs:
    """The preset's few knobs in their controls."""
    few = PRESETS.get(preset, {})
    return {page.settings.knobs[name]: value for name, value in few.items()} or gr.skip()


def another_seed(page: Page) -> Outputs:
    """For another picture from the same settings."""
    return {page.settings.knobs["seed"]: secrets.randbelow(10_000)}


def plan(
    page: Page,
    *,
    asked_at: Any,
    session: Session,
    photo: Any,
    chosen: list[str],
    recipe: str,
    **knobs: Any,
) -> Outputs:
    """How long this would take here, its address, and what is of use: weights, another seed.

    Browsers ask for several at once, and answers may overtake each other: what was asked for before
    the latest (by its number, `asked_at`) is not answered.
    """
    asked = asked_at if isinstance(asked_at, int | float) else 0
    if asked < session.planned:
        return gr.skip()
    session.planned = asked
    outputs: Outputs = {
        page.settings.knobs["style_weights"]: gr.Textbox(visible=len(chosen) > 1),
        page.after.again: gr.Button(visible=knobs["init"] == "noise"),
    }
    if not session.welcomed:  # what the link asks for is not in the controls yet
        return outputs
    try:
        file = sent_file(photo, "the photo")
        size = upright_size(file, "the photo") if file else (4, 3)
    except ImageError:  # check_photo tells of it and takes it away
        return outputs
    try:
        settings = combine(recipe, overrides=in_sight(chosen, knobs))
    except ValueError as error:
        return outputs | {page.canvas.status: status_html(sentence(error))}
    sample = page.app_state.sample(file) if file else ""
    missing = "" if chosen or not settings.style_layers else "Now pick a style"
    if file is None:
        missing = "Start with a photo, or try a sample"
    shared = ShareLink(recipe, settings, tuple(chosen), sample)
    estimate = _estimate(page, settings, size, len(chosen), missing)
    if session.run:  # the status tells of that one
        del estimate[page.canvas.status]
    return outputs | {
        **estimate,
        page.address: "" if shared == ShareLink() else to_query(shared),
        page.asked_at: asked,
    }


def _estimate(
    page: Page, settings: Settings, size: tuple[int, int], styles: int, missing: str
) -> Outputs:
    """How long a run would take for a photo of this size, or what is still missing for it."""
    engine = page.app_state.engine
    most = page.app_state.config.max_seconds
    seconds = engine.pace.seconds(run_work(settings, size, styles=styles))
    told, label = f"Ready when you are: this takes about {duration(seconds)}", "Paint"
    if seconds > most:
        told = too_long(seconds, most, settings)
    elif missing:
        told = missing
    else:
        label = f"Paint, about {duration(seconds)}"
    return {
        page.canvas.status: status_html(told, aside=network(settings, engine.backbone)),
        page.canvas.paint: gr.Button(label),
    }


def lay_out_mask(page: Page, *, photo: Any) -> Outputs:
    """The photo under the brush."""
    try:
        file = sent_file(photo, "the photo")
        if file is None:
            raise user_error(NO_PHOTO)
        small = open_image(file, "the photo", MASK_PIXELS)
    except ImageError as error:
        raise user_error(error) from None
    small.thumbnail((MASK_PIXELS, MASK_PIXELS))
    laid: Any = {"background": small, "layers": [], "composite": None}
    return {page.settings.mask: gr.ImageEditor(laid, visible=True)}


def fold_mask(page: Page) -> Outputs:
    """Another photo: the mask belongs to the one before."""
    return {page.settings.mask_fold: gr.Accordion(open=False), page.settings.mask: None}


def choose_first(
    page: Page, *, photo: Any, chosen: list[str], recipe: str, **knobs: Any
) -> Outputs:
    """With a photo a style is chosen, if none is: its draft is there already."""
    names, best = or_first(page, chosen, recipe, knobs)
    if photo is None or names == chosen:
        return gr.skip()
    plate = find_style(names[0], page.app_state.styles)
    return {
        page.style.chosen: names,
        page.style.card: plate_html(plate),
        page.settings.preset: preset_of(knobs | best),
        **{page.settings.knobs[name]: value for name, value in best.items()},
    }


def or_first(
    page: Page, chosen: list[str], recipe: str, knobs: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """The styles chosen. Where there are none, the first one, and its best settings: a newcomer is
    to see a painting at once. Of `knobs` those that were moved, as by a link, stay."""
    if chosen or recipe not in RECIPES or not RECIPES[recipe].style_layers:
        return chosen, {}
    first = page.app_state.styles[0]
    usual, best = values(RECIPES[recipe]), values(combine(recipe, first.settings))
    untouched = [name for name in first.settings if knobs.get(name) == usual[name]]
    return [first.name], {name: best[name] for name in untouched}


def tell_of_link(page: Page) -> None:
    """What the link in the clipboard is good for."""
    gr.Info("Link copied: it brings back style and settings; your own photo stays with you.")


def parse_link(query: str) -> ShareLink:
    """What an address of ours says; what is wrong in it is left out."""
    return from_query(parts(query))[0]
