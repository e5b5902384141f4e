"""The state of one visitor, for as long as the page is open."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from nst.gallery import Style
from nst.service.tasks import ClipTask, PaintTask
from nst.sharing import ShareLink


@dataclass
class Session:
    """A visitor's styles and runs, and what the page shows."""

    session_hash: str = ""  # Gradio's name of the open page
    key: str = field(default_factory=lambda: secrets.token_hex(8))  # owner of the paintings in the store
    styles: list[Style] = field(default_factory=list)
    fine_tuned: dict[str, str] = field(default_factory=dict)  # own style -> its CIN parameters, float32 in base64
    style_chosen: bool = False  # by the visitor or a link, even if the page does not show it yet
    run: PaintTask | None = None
    run_key: str = ""  # the page's key to it
    clip: ClipTask | None = None
    painting: str = ""  # token of the painting on the canvas
    unlisted: str = ""  # token of a painting that is not in the strip of earlier paintings yet
    selected: str = ""  # token of the one that is selected there
    dropped_link: ShareLink | None = None  # settings of a painting that was dropped in
    previews: dict[str, Path] = field(default_factory=dict)  # folders of previews, by place
    drawing: int = 0  # number of the latest request for a preview: a slow one must not replace a newer
    loaded: bool = False  # the link's settings are in the controls
    estimate_number: float = 0.0  # number of the latest request for an estimate
    status_key: int = 0  # hash of the photo, styles and settings that the status is about; 0: none

    def __deepcopy__(self, _: object) -> "Session":
        """Gradio copies a state's first value for each visitor: each of them gets a new session."""
        return Session()
