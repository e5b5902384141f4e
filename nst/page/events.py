"""Which click calls which handler."""

from typing import Any

import gradio as gr
from gradio.events import api as plain_endpoint

from nst.page import api, choosing, drafts, painting, paintings, welcome
from nst.page.context import Page, shared_outputs
from nst.page.moving import KNOBS, wire_moving
from nst.page.ui import static
from nst.page.wiring import AT_ONCE, QUIET, TAKING_UP, WAITING, Inputs, bound, engine_line

FORGET_RUN = "() => sessionStorage.removeItem('nst-run')"

SEEN = "() => new Promise(seen => requestAnimationFrame(() => requestAnimationFrame(seen)))"
"""What was shown last has been drawn."""


def wire(blocks: gr.Blocks, page: Page, program: api.ApiPart) -> None:
    """Everything that can happen on the page."""
    part, settings = page.photo, page.settings
    plan: dict[str, Any] = {
        "fn": bound(choosing.plan, page),
        "js": static.read("asked.js"),
        "inputs_kwargs": {
            "asked_at": page.asked_at,
            "session": page.session,
            "photo": part.image,
            "chosen": page.style.chosen,
            "recipe": settings.recipe,
            **settings.knobs,
        },
        "outputs": [
            page.canvas.status,
            page.canvas.paint,
            page.address,
            page.asked_at,
            settings.knobs["style_weights"],
            page.after.again,
        ],
        **AT_ONCE,
    }
    changing: list[Any] = [part.image, page.style.chosen, settings.recipe, *settings.knobs.values()]
    planned = [gr.on([c.change for c in changing], trigger_mode="always_last", **plan)]
    # A hidden control does not always tell of its change: after these it is planned once more.
    opened = _opening(blocks, page)
    opened.then(None, None, js=static.read("come_back.js"), api_visibility="private")
    settled = [opened, *_choosing(page), *_looking_back(page)]
    planned += [event.then(**plan) for event in settled]
    told = [page.address, page.asked_at]
    for event in planned:
        event.then(None, told, js=static.read("address.js"), api_visibility="private")
    _steering(page)
    _painting(page)
    wire_moving(page)
    _programs(page, program)


def _opening(blocks: gr.Blocks, page: Page) -> Any:
    """A page is opened; what its link asks for."""
    blocks.load(None, None, js=static.read("names.js"), api_visibility="private")
    blocks.load(
        bound(paintings.show_remembered, page),
        inputs_kwargs={"remembered": page.remembered},
        outputs=[page.after.strip],
        **AT_ONCE,
    )
    return blocks.load(
        bound(choosing.welcome, page),
        outputs=[
            page.session,
            page.style.gallery,
            page.canvas.welcome,
            page.photo.image,
            *shared_outputs(page),
        ],
        **QUIET | {"concurrency_limit": None, "concurrency_id": "opening"},
    )


def _choosing(page: Page) -> list[Any]:
    """Photo and styles; returns what may change every setting."""
    photo, style, settings = page.photo, page.style, page.settings
    session: Inputs = {"session": page.session}
    chosen: Inputs = {"chosen": style.chosen, "several": style.several}
    recipe: Inputs = {"recipe": settings.recipe}
    laid = [style.card, settings.preset, *choosing.of_a_plate(page).values()]
    photo.samples.select(bound(choosing.choose_sample, page), outputs=photo.image, **AT_ONCE)
    photo.image.upload(
        bound(choosing.check_photo, page),
        inputs_kwargs=session | {"photo": photo.image},
        outputs=[photo.image, photo.offer, photo.offer_text],
        **QUIET,
    )
    chose = style.gallery.select(
        bound(choosing.choose, page),
        inputs_kwargs=session | chosen | recipe,
        outputs=[style.chosen, *laid],
        **QUIET,
    )
    among = style.chosen.input(
        bound(choosing.choose_among, page),
        inputs_kwargs=session | recipe | {"chosen": style.chosen},
        outputs=laid,
        **QUIET,
    )
    added = style.upload.upload(
        bound(choosing.add_styles, page),
        inputs_kwargs=session | chosen | recipe | {"uploads": style.upload},
        outputs=[style.gallery, style.chosen, *laid],
        **QUIET | {"show_progress": "full"},
    )
    style.several.input(
        bound(choosing.blend, page),
        inputs_kwargs=chosen,
        outputs=[style.chosen, settings.knobs["style_weights"]],
        **AT_ONCE,
    )
    offered = photo.offer_button.click(
        bound(choosing.take_offer, page),
        inputs_kwargs=session,
        outputs=shared_outputs(page),
        **QUIET,
    )
    sample = page.canvas.open_sample.click(
        bound(welcome.open_sample, page),
        inputs_kwargs=session,
        outputs=[photo.image, *shared_outputs(page)],
        **QUIET,
    )
    _drafting(page, (chose.success, among.success), added.success)
    return [offered, sample]


def _drafting(page: Page, chose: tuple[Any, ...], added: Any) -> None:
    """What one pass makes of the photo, as soon as there are a photo and a style."""
    photo, style, knobs = page.photo.image, page.style, page.settings.knobs
    asked: Inputs = {
        "session": page.session,
        "photo": photo,
        "chosen": style.chosen,
        **{name: knobs[name] for name in KNOBS},
    }
    after = page.after
    shown = [page.canvas.image, after.download, after.jpeg, after.on, after.print]
    gallery: dict[str, Any] = {
        "fn": bound(drafts.show_gallery, page),
        "inputs_kwargs": {"session": page.session, "photo": photo, "on_photo": style.on_photo},
        "outputs": [style.gallery, style.on_photo],
        **AT_ONCE,
    }
    photo.change(
        bound(choosing.fold_mask, page),
        outputs=[page.settings.mask_fold, page.settings.mask],
        **AT_ONCE,
    )
    recipe: Inputs = {"recipe": page.settings.recipe}
    of_a_plate = choosing.of_a_plate(page)
    draft: dict[str, Any] = {
        "fn": bound(drafts.draft_anew, page),
        "inputs_kwargs": asked | recipe,
        "outputs": shown,
        **AT_ONCE,
    }
    for another in chose:
        another(**draft)
    # One after the other: what one looks at comes first.
    settled = photo.change(**draft).then(
        bound(choosing.choose_first, page),
        inputs_kwargs={"photo": photo, "chosen": style.chosen} | recipe | of_a_plate,
        outputs=[style.chosen, style.card, page.settings.preset, *of_a_plate.values()],
        **AT_ONCE,
    )
    for drawn in (settled, added(**draft)):
        drawn.then(None, None, js=SEEN, api_visibility="private").then(**gallery)
    style.on_photo.input(**gallery)
    gr.on(
        [knobs["strength"].input, knobs["style_scale"].input],
        bound(drafts.draft_on, page),
        inputs_kwargs=asked,
        outputs=shown,
        trigger_mode="always_last",
        **AT_ONCE,
    )


def _steering(page: Page) -> None:
    """Presets, recipes, the mask, the link."""
    photo, settings, knobs = page.photo.image, page.settings, page.settings.knobs
    settings.preset.input(
        bound(choosing.choose_preset, page),
        inputs_kwargs={"preset": settings.preset},
        outputs=[knobs[name] for name in choosing.OF_A_PRESET],
        **AT_ONCE,
    )
    settings.recipe.input(
        bound(choosing.choose_recipe, page),
        inputs_kwargs={
            "session": page.session,
            "recipe": settings.recipe,
            "chosen": page.style.chosen,
        },
        outputs=[settings.preset, settings.recipe, settings.about, *knobs.values()],
        **AT_ONCE,
    )
    settings.mask_fold.expand(
        bound(choosing.lay_out_mask, page),
        inputs_kwargs={"photo": photo},
        outputs=[settings.mask],
        **QUIET,
    )
    where = f"https://huggingface.co/spaces/{page.app_state.config.space}"
    copy = static.read("copy.js", page=where if page.app_state.config.space else "")
    page.after.copy.click(None, None, js=copy, api_visibility="private").then(
        bound(choosing.tell_of_link, page), **QUIET
    )
    page.after.share.click(None, None, js=static.read("share.js"), api_visibility="private")


def _painting(page: Page) -> None:
    """Paint, paint on, paint again, stop; and what follows when a painting is finished."""
    canvas, after, settings = page.canvas, page.after, page.settings
    asked: Inputs = {
        "session": page.session,
        "photo": page.photo.image,
        "chosen": page.style.chosen,
        "mask": settings.mask,
        "recipe": settings.recipe,
        **settings.knobs,
    }
    buttons = [canvas.paint, canvas.stop, after.on, after.print, after.again, canvas.status]
    session: Inputs = {"session": page.session}
    finished = [page.session, page.remembered, canvas.compare, after.download, after.strip]
    reseeded = after.again.click(
        bound(choosing.another_seed, page), outputs=[settings.knobs["seed"]], **AT_ONCE
    )
    shown = [*buttons, canvas.image, canvas.tabs, page.run_key]
    begun = [
        trigger(bound(begin, page), inputs_kwargs=asked, outputs=shown, **QUIET)
        for trigger, begin in (
            (canvas.paint.click, painting.begin),
            (after.on.click, painting.begin_on),
            (after.print.click, painting.begin_print),
            (reseeded.success, painting.begin),
        )
    ]
    tell_place = bound(painting.tell_place, page)
    for wish in begun:
        wish.success(None, page.run_key, js=static.read("run_key.js"), api_visibility="private")
        wish.success(tell_place, inputs_kwargs=session, outputs=canvas.status, **WAITING)
    remembered: Inputs = {"remembered": page.remembered}
    taken_up = canvas.take_up.click(
        bound(painting.take_up, page),
        js=static.read("take_up.js"),
        inputs_kwargs={"key": page.run_key, **session, **remembered},
        outputs=[*shown, page.photo.image, *finished],
        **QUIET,
    )
    in_the_line, make_film = engine_line(page), bound(paintings.make_film, page)
    made = [canvas.film, canvas.film_button, canvas.animation_button, after.jpeg]
    for wish, line in (*((wish, in_the_line) for wish in begun), (taken_up, TAKING_UP)):
        run = wish.success(
            bound(painting.show_frames, page),
            inputs_kwargs=session | remembered,
            outputs=[*buttons, canvas.image, after.losses, *finished],
            trigger_mode="multiple",
            **QUIET | line,
        )
        run.then(None, None, js=FORGET_RUN, api_visibility="private")
        run.failure(bound(painting.failed, page), inputs_kwargs=session, outputs=buttons, **AT_ONCE)
        run.success(make_film, inputs_kwargs=session, outputs=made, **QUIET)
    for trigger in (canvas.paint.click, after.on.click, after.print.click, after.again.click):
        trigger(None, None, js=static.read("look.js"), api_visibility="private")
    canvas.stop.click(bound(painting.stop, page), inputs_kwargs=session, outputs=buttons, **AT_ONCE)


def _looking_back(page: Page) -> list[Any]:
    """One's own paintings; returns what may change every setting."""
    canvas, after = page.canvas, page.after
    session: Inputs = {"session": page.session}
    kept: Inputs = session | {"remembered": page.remembered}
    brought = after.strip.select(
        bound(paintings.bring_back, page),
        inputs_kwargs=kept,
        outputs=[
            canvas.image,
            canvas.compare,
            after.download,
            after.jpeg,
            after.on,
            after.print,
            after.take_down,
            *shared_outputs(page),
        ],
        **QUIET,
    )
    after.take_down.click(
        bound(paintings.take_down, page),
        inputs_kwargs=kept,
        outputs=[page.remembered, after.strip, after.take_down],
        **AT_ONCE,
    )
    return [brought]


def _programs(page: Page, program: api.ApiPart) -> None:
    """What programs and assistants call."""
    program.paint.click(
        api.make_paint(page),
        inputs_kwargs={**program.asked},
        outputs=program.picture,
        api_name="paint",
        preprocess=False,
        **engine_line(page),
    )
    quick = {name: program.asked[name] for name in ("style", "size", "strength")}
    program.preview.click(
        bound(api.preview, page),
        inputs_kwargs={"photo": program.asked["photo"], **quick},
        outputs=program.picture,
        api_name="preview",
        **QUIET | {"api_visibility": "public"},
    )
    program.paint_clip.click(
        bound(api.paint_clip, page),
        inputs_kwargs={"film": program.film, **quick},
        outputs=program.painted,
        api_name="paint_clip",
        preprocess=False,
        **engine_line(page),
    )
    plain_endpoint(bound(api.list_styles, page), api_name="list_styles")
