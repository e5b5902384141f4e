"""Small pieces of HTML, and texts that must not be translated."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import gradio as gr

from nst.gallery import EXAMPLES, Photo, Style
from nst.messages import sentence
from nst.page.ui.controls import setting_fields

VERBATIM = "\N{WORD JOINER}"  # an invisible character at the start of a text that `translate.js` must leave as it is


def verbatim(text: str) -> str:
    """A text of a visitor's or an owner's, such as a file name, in no language but its own."""
    return VERBATIM + text if text else ""


def is_builtin(style: Style) -> bool:
    """Whether the style is one of ours, whose texts are translated."""
    return style.path.is_relative_to(EXAMPLES)


def title_of(picture: Style | Photo) -> str:
    """The title of a style or a sample photo, marked if it must not be translated."""
    if isinstance(picture, Photo) or is_builtin(picture):
        return picture.title
    return verbatim(picture.title)


def visitor_sentence(problem: Exception | str) -> str:
    """A message as a sentence, in which a setting has the name of its control."""
    name, _, rest = str(problem).partition(" ")
    title = setting_fields()[name].metadata["label"] if name in setting_fields() else ""
    return sentence(
        f"\N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK} {rest}" if title else problem
    )


def toast_html(problem: Exception | str) -> str:
    """A message as a sentence for a toast, which shows HTML."""
    return html.escape(visitor_sentence(problem), quote=False)


def user_error(problem: Exception | str) -> gr.Error:
    """A message for the visitor; it leaves no line in the log."""
    return gr.Error(toast_html(problem), print_exception=False)


def status_html(message: str, progress: float = 0.0, detail: str = "") -> str:
    """A status line with a progress bar (0..1), and a detail at its right."""
    percent = round(100 * progress)
    return (
        f'<div class="status-line"><span>{html.escape(message)}</span>'
        f"<span>{html.escape(detail)}</span></div>"
        f'<div class="bar" role="progressbar" aria-label="Progress" aria-valuenow="{percent}" '
        f'aria-valuemin="0" aria-valuemax="100"><div style="width: {percent}%"></div></div>'
    )


def style_card_html(style: Style) -> str:
    """A style's title, tradition and description, and what its picture shows for screen readers."""
    texts = [style.title, style.tradition, style.description, style.alt]
    if not is_builtin(style):
        texts = [verbatim(text) for text in texts]
    title, tradition, description, alt = map(html.escape, texts)
    picture = f'<span role="img" aria-label="{alt}"></span>' if alt else ""
    return f"<p>{picture}<strong>{title}</strong> {tradition}<br>{description}</p>"


def settings_offer_html(styles: Sequence[str]) -> str:
    """The offer to reuse the settings of a painting that was dropped in as the photo."""
    names = verbatim(" and ".join(styles)) or "no style"
    return f"This picture was painted here, after {html.escape(names)}."


def gallery_items(pictures: Sequence[Style | Photo], thumbnails: Mapping[Path, Path]) -> list[tuple[str, str]]:
    """Pictures for a gallery: file, small where there is a thumbnail, and title."""
    return [(str(thumbnails.get(picture.path, picture.path)), title_of(picture)) for picture in pictures]
