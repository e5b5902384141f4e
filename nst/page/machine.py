"""What belongs to the machine, for all visitors: engine, gallery, and the paintings on disk."""

import atexit
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from nst.config import Config
from nst.gallery import EXAMPLES, Photo, Plate, owners_plates, photos, plates
from nst.images import switch_off_other_formats
from nst.page.engine import Engine, FarEngine, open_engine
from nst.page.store import Store, digest
from nst.page.uploads import see_to_uploads
from nst.page.watch import Watch

CARD = EXAMPLES / "results" / "card.jpg"
"""What a link to the page looks like in a chat."""


@dataclass
class Machine:
    """`plates` grows when the owner's have been fetched; the rest stays as it is."""

    config: Config
    engine: Engine | FarEngine
    store: Store
    photos: list[Photo]
    plates: list[Plate]
    digests: dict[str, str] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    def start(self) -> None:
        """What takes time, behind the visitors' backs: warm up, fetch VGG-19 and plates."""
        self.engine.start()
        threading.Thread(target=self._fetch_plates, daemon=True).start()

    def sample(self, photo: Path) -> str:
        """The name of the sample photo that this file is, or nothing."""
        return self.digests.get(digest(photo), "")

    def _fetch_plates(self) -> None:
        found = owners_plates(self.config.gallery)
        serve([plate.path for plate in found])
        self.plates = [*self.plates, *found]


def open_machine(config: Config, engine: FarEngine | None = None) -> Machine:
    """Load what a page needs, and make the folder of its paintings.

    Without an engine elsewhere, this process gets one of its own.
    """
    switch_off_other_formats()
    store = Store(
        Path(tempfile.mkdtemp(prefix="nst-")),
        config.quota_megabytes * 2**20,
        config.disk_megabytes * 2**20,
        config.keep_hours * 3600,
    )
    atexit.register(store.close)
    see_to_uploads(store.root / "uploads")
    samples, offered = photos(), plates()
    serve([CARD, *(photo.path for photo in samples), *(plate.path for plate in offered)])
    digests = {digest(photo.path): photo.name for photo in samples}
    return Machine(config, engine or open_engine(config), store, samples, offered, digests)


def serve(files: Sequence[Path]) -> None:
    """Let browsers have these files as they are, wherever they lie."""
    gr.set_static_paths(list(files))
