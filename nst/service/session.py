"""What belongs to one visitor, for as long as the page is open."""

import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nst.gallery import Style
from nst.job import Request
from nst.sharing import ShareLink

if TYPE_CHECKING:
    from nst.page.clips import ClipTask
    from nst.service.resumable import ResumableRun


@dataclass(eq=False, kw_only=True)
class QueuedTask:
    """At the easel, or in the line before it. `stop` asks it to end.

    `browser` tells whose it is: what Gradio calls the session hash of an open page or a program.
    `key` is known to that page alone, which may go and come back for what is `lasting`.
    `work` is counted in pixel-steps, `left` are the seconds that it still takes, where they are
    known better, and `slower` tells how many times as long it takes as was expected.
    """

    browser: str = ""
    work: float = 0.0
    left: float | None = None
    slower: float = 1.0
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    stop: threading.Event = field(default_factory=threading.Event)
    resumable: "ResumableRun | None" = None


@dataclass(eq=False)
class PaintTask(QueuedTask):
    """A painting that is wished for, or being painted; `dropped` when its visitor has not come back
    for it."""

    request: Request
    dropped: bool = False


@dataclass
class Session:
    """A visitor's own styles, run, and places in what the page shows.

    `browser` is that of their runs, `painting` the token of the painting on the canvas, `offered`
    what a dropped-in painting remembers, `selected` the place of the one chosen in the strip,
    `drafts` are the folders of what one pass has painted, by where it is shown, `camera` is the
    token of the camera that is being painted, and `filming` is the film that waits or is painted.
    `welcomed` tells that the link's settings are on their way to the controls, `planned` when the
    browser asked for the latest plan.
    """

    browser: str = ""
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    styles: list[Style] = field(default_factory=list)
    run: PaintTask | None = None
    painting: str = ""
    offered: ShareLink | None = None
    selected: int = -1
    drafts: dict[str, Path] = field(default_factory=dict)
    camera: str = ""
    clip_task: "ClipTask | None" = None
    welcomed: bool = False
    planned: float = 0.0

    def __deepcopy__(self, _: object) -> "Session":
        """Gradio copies a state's first value for each visitor: everyone gets a new session."""
        return Session()
