"""Words and small pieces of HTML that visitors see."""

import html

import gradio as gr

from nst.gallery import Style
from nst.messages import sentence


def user_error(problem: ValueError | str) -> gr.Error:
    """What went wrong and what to do, for the visitor; nothing for the log."""
    return gr.Error(sentence(problem), print_exception=False)


def status_html(what: str, progress: float = 0.0, aside: str = "") -> str:
    """What goes on, how far it is (0..1), and a word aside."""
    percent = round(100 * progress)
    told = f"<span>{html.escape(what)}</span><span>{html.escape(aside)}</span>"
    return (
        f'<div class="told">{told}</div>'
        f'<div class="bar" role="progressbar" aria-label="Progress" aria-valuenow="{percent}" '
        f'aria-valuemin="0" aria-valuemax="100"><div style="width: {percent}%"></div></div>'
    )


def plate_html(plate: Style) -> str:
    """A plate's title and words, with its picture in words for those who can't see it."""
    title, tradition, description, alt = (
        html.escape(text) for text in (plate.title, plate.tradition, plate.description, plate.alt)
    )
    picture = f'<span role="img" aria-label="{alt}"></span>' if alt else ""
    return f"<p>{picture}<strong>{title}</strong> {tradition}<br>{description}</p>"


def offer_html(styles: tuple[str, ...]) -> str:
    """What a picture that was painted here remembers."""
    named = " and ".join(styles) or "no style"
    return f"This picture was painted here, after {html.escape(named)}."

