"""The state of one visitor, for as long as the page is open."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from nst.gallery import Style
from nst.service.tasks import ClipTask, PaintTask
from nst.sharing import ShareLink


@dataclass
class Session:
    """A visitor's styles and runs, and what the page shows.

    `session_hash` is Gradio's name of the open page, `key` the owner of its paintings. `painting`
    is the token of the painting on the canvas, `selected` the index of the one selected in the
    strip. `dropped_link` holds the settings of a painting that was dropped in as the photo.
    `previews` are the folders of one-pass pictures, by where they are shown; `camera` is the token
    of the open camera. `loaded`: the link's settings are in the controls. `plan_number` is the
    number of the latest request for an estimate.
    """

    session_hash: str = ""
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    styles: list[Style] = field(default_factory=list)
    run: PaintTask | None = None
    clip: ClipTask | None = None
    painting: str = ""
    selected: int = -1
    dropped_link: ShareLink | None = None
    previews: dict[str, Path] = field(default_factory=dict)
    camera: str = ""
    loaded: bool = False
    plan_number: float = 0.0

    def __deepcopy__(self, _: object) -> "Session":
        """Gradio copies a state's first value for each visitor: each of them gets a new session."""
        return Session()
