"""Finished paintings on disk: a quota per visitor, a time limit, and removal at the end."""

import hashlib
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nst.service import disk
from nst.sharing import ShareLink

PREVIEW_SECONDS = 60.0  # time that the intermediate pictures stay after a painting is done, for slow browsers
MAX_RESULTS = 32  # folders with results for programs that are kept

FULL = (
    "the disk of this machine is full: what was painted last stays in the page, but it can't be "
    "kept as a PNG; save it from there, or try again in a while"
)
CROWDED = (
    "The disk of this machine is full of what others have sent: try again in a while, or take one of the samples."
)


StepLosses = tuple[int, Mapping[str, float]]
"""A step and the value of each term of its loss."""


@dataclass(kw_only=True)
class Painting:
    """A finished painting in a folder of its own."""

    folder: Path
    file: Path  # the PNG
    before: Path  # the photo at the same size
    photo: str  # `digest` of the photo
    link: ShareLink
    pages: Container[str] = ()  # keys of the pages that have shown its run
    owner: str = ""
    frames: list[bytes] = field(default_factory=list)  # JPEGs for the time-lapse, until it is made
    losses: list[StepLosses] = field(default_factory=list)  # of its run
    created: float = field(default_factory=time.monotonic)

    @property
    def token(self) -> str:
        """A name that can't be guessed."""
        return self.folder.name

    def remove_previews(self) -> None:
        """Remove the intermediate pictures."""
        for preview in self.folder.glob("*.jpg"):
            preview.unlink(missing_ok=True)


class Store:
    """All paintings and uploads, in the folder `root`; safe to use from several threads.

    A visitor's paintings take at most `quota` bytes, apart from the latest, and all paintings half of `total`; the
    oldest make room. Uploads are refused when the folder takes `total` bytes. Nothing stays longer than `keep`
    seconds.
    """

    def __init__(self, root: Path, quota: int, total: int, keep: float) -> None:
        self.root, self.quota, self.total, self.keep_seconds = root, quota, total, keep
        self._arriving = 0
        self._paintings: dict[str, Painting] = {}
        self._results: deque[Path] = deque()
        self._lock = threading.Lock()

    def new_folder(self) -> Path:
        """An empty folder with a name that can't be guessed."""
        folder = self.root / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder

    def replace_folder(self, folders: dict[str, Path], place: str) -> Path:
        """A new folder under this name in `folders`; the one before is removed."""
        if previous := folders.pop(place, None):
            shutil.rmtree(previous, ignore_errors=True)
        folder = folders[place] = self.new_folder()
        return folder

    def result_folder(self) -> Path:
        """A folder for a result that a program fetches at once; only the latest ones are kept."""
        folder = self.new_folder()
        with self._lock:
            self._results.append(folder)
            if len(self._results) > MAX_RESULTS:
                shutil.rmtree(self._results.popleft(), ignore_errors=True)
        return folder

    def keep(self, painting: Painting) -> None:
        """Take a painting, and remove those that are too old or exceed a quota."""
        with self._lock:
            self._paintings[painting.token] = painting
        self.sweep()

    def find(self, token: str) -> Painting | None:
        """The painting with this token, if it is still kept."""
        with self._lock:
            return self._paintings.get(token)

    def find_run(self, key: str) -> Painting | None:
        """The painting whose run a page with this key has shown, if it is still kept."""
        with self._lock:
            return next((p for p in self._paintings.values() if key in p.pages), None)

    def hand_over(self, painting: Painting, owner: str) -> None:
        """A visitor has come back in a new session, which owns the painting from now on."""
        with self._lock:
            painting.owner = owner

    def release(self, owner: str) -> None:
        """A visitor has gone: remove their paintings."""
        with self._lock:
            self._remove([p for p in self._paintings.values() if p.owner == owner])

    def reserve(self, size: int) -> bool:
        """Whether so many bytes may arrive; they count as used until `arrived` is called."""
        used = disk.used(self.root)
        if used + size > self.total:
            disk.sweep(self.root, self.keep_seconds)
            used = disk.used(self.root)
        with self._lock:
            self._arriving += size
            free = min(self.total - used, disk.free(self.root) - disk.MIN_FREE)
            return self._arriving <= free

    def arrived(self, size: int) -> None:
        """The reserved bytes are in the folder, or have not come."""
        with self._lock:
            self._arriving -= size

    def sweep_all(self) -> None:
        """Remove paintings and other files that are too old."""
        self.sweep()
        disk.sweep(self.root, self.keep_seconds)

    def sweep(self) -> None:
        """Remove paintings that are too old or exceed a quota."""
        with self._lock:
            now = time.monotonic()
            self._remove([p for p in self._paintings.values() if p.created < now - self.keep_seconds])
            for painting in self._paintings.values():
                if painting.created < now - PREVIEW_SECONDS:
                    painting.remove_previews()
            by_owner: dict[str, int] = {}
            total, excess = 0, []
            for painting in reversed(self._paintings.values()):
                latest = painting.owner not in by_owner
                size = sum(file.stat().st_size for file in painting.folder.iterdir())
                by_owner[painting.owner] = by_owner.get(painting.owner, 0) + size
                total += size
                over_quota = by_owner[painting.owner] > self.quota and not latest
                if total > self.total / 2 or over_quota:
                    excess.append(painting)
            self._remove(excess)

    def close(self) -> None:
        """The process ends: remove everything."""
        with self._lock:
            self._paintings.clear()
            shutil.rmtree(self.root, ignore_errors=True)

    def _remove(self, paintings: list[Painting]) -> None:
        for painting in paintings:
            del self._paintings[painting.token]
            shutil.rmtree(painting.folder, ignore_errors=True)


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
