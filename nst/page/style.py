"""The style gallery, the visitor's own styles, and blends."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from nst.errors import InputError
from nst.gallery import Style, find_style
from nst.images import ImageError
from nst.one_pass import OnePass
from nst.page.events import DIRECT, QUEUED, Context, Inputs, Outputs, selected_index
from nst.page.photo import PhotoInput
from nst.page.settings import SettingsPanel, preset_of
from nst.page.ui.controls import control_values
from nst.page.ui.html import gallery_items, is_builtin, style_card_html, title_of, toast_html, user_error
from nst.recipes import RECIPES, combine
from nst.service.previews import PREVIEW_SIZE
from nst.service.runs import MAX_STYLES, NO_STYLE
from nst.service.session import Session
from nst.sharing import ShareLink

MAX_OWN_STYLES = 12  # styles that a visitor may add


class StylePicker:
    """The gallery, and the styles that are chosen."""

    def __init__(self, context: Context, photo: PhotoInput, settings: SettingsPanel) -> None:
        self.app, self.session = context.app_state, context.session
        self.photo, self.settings = photo, settings
        with gr.Column(render=False, elem_classes="feature") as self.column:
            self.card = gr.HTML("Pick a style", elem_id="card")
            self.on_photo = gr.Checkbox(True, label="On my photo", visible=False, elem_id="on-photo")
            self.gallery = gr.Gallery(
                gallery_items(self.app.styles, self.app.thumbnails),
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
            self.upload = gr.UploadButton("Add your own style", file_types=["image"], file_count="multiple", size="sm")
            self.several = gr.Checkbox(label="Blend several styles", info="up to four: click one after the other")
            self.chosen = gr.Dropdown(
                [], value=[], multiselect=True, label="Styles chosen", elem_id="chosen", visible=False
            )
            self.sources = gr.JSON(self.sources_of(Session()), visible=False)
        self.link_outputs = [self.chosen, self.several, self.card, *settings.outputs]
        """The components that `show_link` sets."""

    def sources_of(self, session: Session) -> list[Any]:
        """Where the visitor's browser gets the gallery's styles from.

        Of each: name, number of a built-in style, picture, and CIN parameters if it is fine-tuned.
        """
        builtin = {style.path: number for number, style in enumerate(self.app.styles) if is_builtin(style)}
        pictures = self.app.thumbnails
        styles = self.app.styles_for(session)
        return [
            [s.name, builtin.get(s.path), str(pictures.get(s.path, s.path)), session.fine_tuned.get(s.name)]
            for s in styles
        ]

    def choose_style(
        self, event: gr.SelectData, *, session: Session, chosen: list[str], several: bool, recipe: str
    ) -> Outputs:
        """The style that was clicked, its description, and its own settings."""
        styles = self.app.styles_for(session)
        index = selected_index(event, styles)
        if index is None:
            return gr.skip()
        style = styles[index]
        others = [name for name in chosen if name != style.name] if several else []
        if len(others) >= MAX_STYLES:
            raise user_error(f"Four styles at most: take one away before you add {title_of(style)}")
        session.style_chosen = True
        return {self.chosen: [*others, style.name], **self._apply(style, recipe)}

    def choose_from_list(self, *, session: Session, chosen: list[str], recipe: str) -> Outputs:
        """Styles were removed from a blend, or added by name: the last one's settings count."""
        styles = selected_styles(self.app.styles_for(session), chosen[-1:])
        session.style_chosen = bool(styles)
        return self._apply(styles[0], recipe) if styles else gr.skip()

    def _apply(self, style: Style, recipe: str) -> Outputs:
        """A style's description, and its own settings in their controls."""
        values = control_values(combine(recipe, style.settings))
        return {
            self.card: style_card_html(style),
            self.settings.preset: preset_of(values),
            **{control: values[name] for name, control in self.settings.style_controls().items()},
        }

    def add_styles(self, *, session: Session, uploads: Any, chosen: list[str], several: bool, recipe: str) -> Outputs:
        """A visitor's own styles come first in the gallery, and the first of them is chosen; in a blend it joins the
        others, or replaces the last of four."""
        files = uploads if isinstance(uploads, list) else [uploads]
        if len(session.styles) + len(files) > MAX_OWN_STYLES:
            raise user_error(f"{MAX_OWN_STYLES} styles of your own at most; reload to begin anew")
        names = {style.name for style in self.app.styles_for(session)}
        own: list[Style] = []
        try:
            for value in files:
                if file := self.app.uploads.style_file(value):
                    own.append(own_style(file, names))
                    names.add(own[-1].name)
        except ImageError as error:
            raise user_error(error) from None
        if not own:
            return gr.skip()
        session.styles, session.style_chosen = [*own, *session.styles], True
        styles = self.app.styles_for(session)
        others = chosen[: MAX_STYLES - 1] if several else []
        return {
            self.gallery: gr.Gallery(gallery_items(styles, self.app.thumbnails), selected_index=0),
            self.sources: self.sources_of(session),
            self.chosen: gr.Dropdown(choices(styles), value=[*others, own[0].name]),
            **self._apply(own[0], recipe),
        }

    def fine_tune(self, *, session: Session) -> Outputs:
        """Fine-tune the one-pass network for the visitor's latest style, in some seconds. A painting ends it."""
        if self.app.runs or not session.styles or session.styles[0].name in session.fine_tuned:
            return gr.skip()
        style, previewer = session.styles[0], self.app.previewer
        connected = self.app.connected(session.session_hash)
        try:
            painter = previewer.run(lambda: previewer.stylizer(style.path, size=PREVIEW_SIZE))
        except InputError:  # the painting will report it
            return gr.skip()
        for _ in previewer.fine_tuning(painter):
            if self.app.runs or not connected():
                break
        if not painter.fine_tuned:
            return gr.skip()
        session.fine_tuned[style.name] = base64.b64encode(painter.cin.tobytes()).decode()
        return {self.sources: self.sources_of(session)}

    def blend(self, *, several: bool, chosen: list[str]) -> Outputs:
        """Show the list of a blend; without one, only the last style chosen stays."""
        chosen = chosen if several else chosen[-1:]
        weights = {} if several else {self.settings.controls["style_weights"]: ""}
        return {self.chosen: gr.Dropdown(value=chosen, visible=several), **weights}

    def first_or_chosen(
        self, chosen: list[str], recipe: str, values: Mapping[str, Any]
    ) -> tuple[list[str], dict[str, Any]]:
        """The styles chosen; if there are none, the first style and its own settings, so that a newcomer sees a
        painting at once. Settings that a link has changed stay."""
        if chosen or recipe not in RECIPES or not RECIPES[recipe].style_layers:
            return chosen, {}
        first = self.app.styles[0]
        defaults = control_values(RECIPES[recipe])
        own = control_values(combine(recipe, first.settings))
        unchanged = [name for name in first.settings if values.get(name) == defaults[name]]
        return [first.name], {name: own[name] for name in unchanged}

    def choose_first(self, *, session: Session, photo: Any, chosen: list[str], recipe: str, **values: Any) -> Outputs:
        """With the photo a style is chosen, if none is: its preview is visible already.

        A choice that the visitor has made while this was on its way stays.
        """
        names, own = self.first_or_chosen(chosen, recipe, values)
        if photo is None or names == chosen or session.style_chosen:
            return gr.skip()
        return {
            self.chosen: names,
            self.card: style_card_html(find_style(names[0], self.app.styles)),
            self.settings.preset: preset_of(values | own),
            **{self.settings.controls[name]: value for name, value in own.items()},
        }

    def show_link(self, session: Session, link: ShareLink, complaints: Sequence[str] = ()) -> Outputs:
        """A link's styles, recipe and settings in their controls; a notice of what is missing."""
        styles = {style.name: style for style in self.app.styles_for(session)}
        chosen = [name for name in link.styles if name in styles][:MAX_STYLES]
        missing = [f"style {name!r} is not here" for name in link.styles if name not in styles]
        for complaint in [*complaints, *missing]:
            gr.Warning(toast_html(complaint), title="Not everything can be had")
        several = len(chosen) > 1
        session.style_chosen = bool(chosen)
        return {
            self.chosen: gr.Dropdown(choices([*styles.values()]), value=chosen, visible=several),
            self.several: several,
            self.card: style_card_html(styles[chosen[0]]) if chosen else "Pick a style",
            **self.settings.show(link.recipe, link.settings),
        }

    def stylizer(self, session: Session, chosen: Sequence[str], **options: Any) -> OnePass:
        """Paints pictures in the styles chosen, in one pass; ValueError where none is chosen or an option is wrong."""
        styles = selected_styles(self.app.styles_for(session), chosen)
        if not styles:
            raise InputError(NO_STYLE)
        previewer, paths = self.app.previewer, [style.path for style in styles]
        return previewer.run(lambda: previewer.stylizer(*paths, **options))

    def use_dropped_settings(self, *, session: Session) -> Outputs:
        """The styles and settings of the painting that was dropped in as the photo."""
        link = session.dropped_link
        return self.show_link(session, link) if link else gr.skip()

    def wire(self) -> tuple[Any, Any, Any, Any]:
        """Connect the events and return four: a style was clicked, chosen by name, added; a
        dropped-in painting's settings were applied."""
        session: Inputs = {"session": self.session}
        choice: Inputs = {"chosen": self.chosen, "recipe": self.settings.recipe}
        several: Inputs = {"several": self.several}
        settings = self.settings
        applied = [self.card, settings.preset, *settings.style_controls().values()]
        clicked = self.gallery.select(
            self.choose_style, inputs_kwargs=session | choice | several, outputs=[self.chosen, *applied], **QUEUED
        )
        listed = self.chosen.input(self.choose_from_list, inputs_kwargs=session | choice, outputs=applied, **QUEUED)
        added = self.upload.upload(
            self.add_styles,
            inputs_kwargs=session | choice | several | {"uploads": self.upload},
            outputs=[self.gallery, self.sources, self.chosen, *applied],
            **QUEUED | {"show_progress": "full"},
        )
        self.several.input(
            self.blend,
            inputs_kwargs=several | {"chosen": self.chosen},
            outputs=[self.chosen, settings.controls["style_weights"]],
            **DIRECT,
        )
        dropped = self.photo.offer_button.click(
            self.use_dropped_settings, inputs_kwargs=session, outputs=self.link_outputs, **QUEUED
        )
        return clicked, listed, added, dropped


def selected_styles(styles: Sequence[Style], chosen: Sequence[str]) -> list[Style]:
    """The styles of these names that exist, as many as one painting may have."""
    by_name = {style.name: style for style in styles}
    return [by_name[name] for name in chosen[:MAX_STYLES] if name in by_name]


def own_style(file: Path, names: set[str]) -> Style:
    """A visitor's style, called as its file; a number follows where the name is in use."""
    stem = file.stem.strip() or "my style"
    name, number = stem, 2
    while name in names:
        name, number = f"{stem} {number}", number + 1
    return Style(name=name, path=file, title=name)


def choices(styles: Sequence[Style]) -> list[tuple[str, str]]:
    """Titles and names, for the list of styles chosen."""
    return [(title_of(style), style.name) for style in styles]
