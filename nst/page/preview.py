"""Previews of the visitor's photo: on the canvas, and of every style in the gallery.

The visitor's device draws them with the one-pass network if it is fast enough (`device.js`), else the server. Where
the optimiser takes less than a second, its painting follows every setting.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from PIL import Image

from nst.errors import InputError
from nst.job import Request
from nst.page.events import DIRECT, FINE_TUNING, Context, Inputs, Outputs, run_script
from nst.page.photo import PhotoInput
from nst.page.result import Result
from nst.page.settings import SettingsPanel, visible_values
from nst.page.style import StylePicker, selected_styles
from nst.page.ui import static
from nst.page.ui.html import gallery_items, title_of
from nst.recipes import RECIPES
from nst.service.engine import Engine
from nst.service.previews import PREVIEW_SIZE, THUMBNAIL_SIZE
from nst.service.repaint import repaint
from nst.service.session import Session
from nst.service.uploads import Upload
from nst.settings import ONE_PASS_SETTINGS

CONTROLS = tuple(name for name in ONE_PASS_SETTINGS if name != "size")  # the settings that a preview follows

PATIENCE = 4000  # milliseconds that the gallery waits for the visitor's device; then the server draws it

Drawing = TypeVar("Drawing")

DRAWN = "(drawn, ...values) => [window.nst.device?.drawn ?? false, ...values]"
"""JavaScript that tells a handler whether the visitor's device has drawn what the handler would draw."""

AFTER_PAINT = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""JavaScript that ends when the browser has drawn the latest changes."""


class Preview:
    """Shows at once what the photo looks like in a style."""

    def __init__(
        self, context: Context, photo: PhotoInput, style: StylePicker, settings: SettingsPanel, result: Result
    ) -> None:
        self.app, self.session = context.app_state, context.session
        self.photo, self.style, self.settings, self.result = photo, style, settings, result
        self.drawn = gr.Checkbox(visible=False)

    def preview_photo(self, *, session: Session, drawn: Any, chosen: list[str], recipe: str, **values: Any) -> Outputs:
        """Another photo or style: its preview, which the browser may have drawn, replaces a painting; that one
        stays in the strip."""
        session.drawing += 1
        if drawn and not session.run:
            session.painting = ""
            return self.result.buttons(session)
        names, own = self.style.first_or_chosen(chosen, recipe, values)
        return self._preview(session, chosen=names, **values | own)

    def preview_setting(self, *, session: Session, drawn: Any, **values: Any) -> Outputs:
        """Another strength, stroke size or share of a style: the preview follows; a painting stays."""
        return gr.skip() if drawn or session.painting else self._preview(session, **values)

    def repaint(
        self, *, session: Session, photo: Any, chosen: list[str], mask: Any, recipe: str, **values: Any
    ) -> Outputs:
        """Another value of any setting: the painting with it, where the optimiser is fast enough; a painting stays."""
        session.drawing += 1
        drawing, picture = session.drawing, None
        try:
            upload = self.app.uploads.photo(photo)
            if upload and not session.run and not session.painting:
                overrides = visible_values(chosen, values)
                request = Request(photo=upload.path, styles=chosen, recipe=recipe, overrides=overrides)
                styles = self.app.styles_for(session)
                picture = repaint(self.app, request, upload, styles, lambda: self.app.uploads.mask(mask))
        except InputError:  # Paint will report it
            pass
        if not picture or session.run or session.painting or session.drawing != drawing:  # something else was quicker
            return gr.skip()
        files = self._save(session, "repainted", [picture])
        return self.result.show_preview(session, files[0]) if files else gr.skip()

    def _preview(self, session: Session, *, photo: Any, chosen: list[str], **values: Any) -> Outputs:
        paths = [s.path for s in selected_styles(self.app.styles_for(session), chosen)]
        if session.run or not paths:
            return gr.skip()
        painting, previewer = session.painting, self.app.previewer
        settings = visible_values(chosen, values) | {"size": PREVIEW_SIZE}
        preview = self._draw(photo, lambda picture, _: previewer.preview(picture, paths, **settings))
        if not preview or session.run or session.painting != painting:  # Paint was quicker
            return gr.skip()
        files = self._save(session, "canvas", [preview])
        return self.result.show_preview(session, files[0]) if files else gr.skip()

    def show_gallery(self, *, session: Session, drawn: Any, photo: Any, on_photo: bool) -> Outputs:
        """Every style as it looks on the photo, or the styles themselves. The browser may have drawn them."""
        styles = self.app.styles_for(session)
        outputs: Outputs = {self.style.on_photo: gr.Checkbox(visible=photo is not None)}
        if drawn:
            return outputs
        outputs |= {self.style.gallery: gr.Gallery(gallery_items(styles, self.app.thumbnails))}
        if photo is None or not on_photo:
            return outputs
        paths, connected = [style.path for style in styles], self.app.connected(session.session_hash)
        thumbnails = self._draw(
            photo, lambda picture, upload: self.app.previewer.thumbnails(picture, upload.digest, paths, connected)
        )
        files = self._save(session, "gallery", thumbnails or [])
        if not files:
            return outputs
        items = [(str(file), title_of(style)) for file, style in zip(files, styles, strict=True)]
        return outputs | {self.style.gallery: gr.Gallery(items)}

    def _draw(self, photo: Any, draw: Callable[[Image.Image, Upload], Drawing | None]) -> Drawing | None:
        """A preview of the photo; None without one. Other handlers report what is wrong with it."""
        try:
            upload = self.app.uploads.photo(photo)
            return draw(self.app.uploads.picture(upload, PREVIEW_SIZE), upload) if upload else None
        except InputError:
            return None

    def _save(self, session: Session, place: str, pictures: Sequence[bytes]) -> list[Path]:
        """The pictures as files, in place of this visitor's earlier ones; none on a full disk."""
        try:
            folder = self.app.store.replace_folder(session.previews, place)
            files = [folder / f"{number}.webp" for number in range(len(pictures))]
            for file, data in zip(files, pictures, strict=True):
                file.write_bytes(data)
        except OSError:  # paintings need what is left of the disk
            return []
        return files

    def wire(self, clicked: Any, listed: Any, added: Any, settings_changed: Sequence[Any]) -> None:
        """Connect the events.

        Given are those of a style that was clicked, chosen by name or added, and those that change several settings.
        """
        photo, style, controls = self.photo.image, self.style, self.settings.controls
        recipe: Inputs = {"recipe": self.settings.recipe}
        drawn: Inputs = {"drawn": self.drawn}  # a script sets it
        inputs: Inputs = drawn | {
            "session": self.session,
            "photo": photo,
            "chosen": style.chosen,
            **{name: controls[name] for name in CONTROLS},
        }
        replace: dict[str, Any] = {
            "fn": self.preview_photo,
            "js": DRAWN,
            "inputs_kwargs": inputs | recipe,
            "outputs": self.result.outputs,
            **DIRECT,
        }
        gallery: dict[str, Any] = {
            "fn": self.show_gallery,
            "js": DRAWN,
            "inputs_kwargs": drawn | {"session": self.session, "photo": photo, "on_photo": style.on_photo},
            "outputs": [style.gallery, style.on_photo],
            **DIRECT,
        }

        style_settings = [controls[name] for name in ("style_weights", "style_scale", "strength")]

        def drawn_on_device(trigger: Any, replaces: bool = True) -> Any:
            first = [name for name, recipe in RECIPES.items() if recipe.style_layers]
            script = static.read(
                "draw_preview.js", size=PREVIEW_SIZE, first=self.app.styles[0].name, recipes=first, replaces=replaces
            )
            values = [style.sources, photo, style.chosen, self.settings.recipe, *style_settings]
            return run_script(trigger, script, values, self.result.image)

        def gallery_on_device(trigger: Any) -> Any:
            script = static.read("draw_gallery.js", size=THUMBNAIL_SIZE, patience=PATIENCE)
            return run_script(trigger, script, [style.sources, photo, style.gallery, style.on_photo], style.gallery)

        for choice in (clicked, listed):
            drawn_on_device(choice.success).then(**replace)
        style_controls = self.settings.style_controls()
        # One after the other: the canvas comes first.
        first = (
            drawn_on_device(photo.change)
            .then(**replace)
            .then(
                style.choose_first,
                inputs_kwargs={"session": self.session, "photo": photo, "chosen": style.chosen}
                | recipe
                | style_controls,
                outputs=[style.chosen, style.card, self.settings.preset, *style_controls.values()],
                **DIRECT,
            )
        )

        def draw_gallery_after(preview: Any) -> Any:
            return gallery_on_device(run_script(preview.then, AFTER_PAINT).then).then(**gallery)

        draw_gallery_after(first)
        added_gallery = draw_gallery_after(drawn_on_device(added.success).then(**replace))
        gallery_on_device(style.on_photo.input).then(**gallery)

        def redrawn(trigger: Any) -> Any:
            return drawn_on_device(trigger, replaces=False).then(
                self.preview_setting,
                js=DRAWN,
                inputs_kwargs=inputs,
                outputs=self.result.outputs,
                trigger_mode="always_last",
                **DIRECT,
            )

        sliders = "strength", "style_scale"
        followed = [event.success for event in settings_changed] + [controls[name].input for name in sliders]
        followed.append(controls["style_weights"].change)  # `input` misses a text that is pasted
        after_preview = [redrawn(trigger).then for trigger in followed]
        others = [controls[name].input for name in controls if name not in CONTROLS]
        # On ZeroGPU each run uses up a part of the visitor's quota.
        for trigger in [*after_preview, *others] if isinstance(self.app.engine, Engine) else []:
            trigger(
                self.repaint,
                inputs_kwargs={
                    "session": self.session,
                    "photo": photo,
                    "chosen": style.chosen,
                    "mask": self.settings.mask,
                    **recipe,
                    **controls,
                },
                outputs=self.result.outputs,
                trigger_mode="always_last",
                **DIRECT,
            )
        fine_tuned = added_gallery.then(
            style.fine_tune, inputs_kwargs={"session": self.session}, outputs=style.sources, **FINE_TUNING
        )
        run_script(redrawn(fine_tuned.then).then, static.read("follow_style.js"), [style.chosen, *style_settings])
