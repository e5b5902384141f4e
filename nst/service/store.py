"""Finished paintings on disk: a quota for each visitor, a time to live, an orderly end."""

import hashlib
import secrets
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from nst.service import disk
from nst.sharing import ShareLink

PREVIEWS = 60.0
"""Seconds that the pictures shown on the way stay after a painting is done, for slow browsers."""

MAX_LENT = 32
"""Drafts and films of programs that are kept."""

FULL = (
    "the disk of this machine is full: what was painted last stays in the page, but it can't be "
    "kept as a PNG; save it from there, or try again in a while"
)
CROWDED = (
    "The disk of this machine is full of what others have sent: try again in a while, or take one "
    "of the samples."
)


@dataclass
class Painting:
    """A finished painting in a folder of its own.

    `file` is the PNG and `before` its photo at the same size; `photo` tells which photo that was
    (`digest`). `frames` are there until the film is made of them, and `run` is the key of its run.
    """

    folder: Path
    file: Path
    before: Path
    photo: str
    shared: ShareLink
    owner: str = ""
    run: str = ""
    frames: list[bytes] = field(default_factory=list)
    made: float = field(default_factory=time.monotonic)

    @property
    def token(self) -> str:
        """A name that nobody can guess."""
        return self.folder.name

    def drop_previews(self) -> None:
        """Remove the pictures that were shown on the way."""
        for preview in self.folder.glob("*.jpg"):
            preview.unlink(missing_ok=True)


class Store:
    """All visitors' paintings and what they send, in one folder; safe to use from several threads.

    Each visitor's paintings take `quota` bytes at most, the latest aside, and all together half of
    `total`; the oldest make room. When all that lies in the folder takes `total`, nothing more is
    taken in. Nothing stays for longer than `keep` seconds.
    """

    def __init__(self, root: Path, quota: int, total: int, keep: float) -> None:
        self.root, self.quota, self.total, self.seconds = root, quota, total, keep
        self._coming = 0
        self._paintings: dict[str, Painting] = {}
        self._lent: deque[Path] = deque()
        self._lock = threading.Lock()

    def new_folder(self) -> Path:
        """An empty folder with a name that nobody can guess."""
        folder = self.root / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder

    def lend(self) -> Path:
        """A folder for what programs fetch at once; after some more, it is gone."""
        folder = self.new_folder()
        with self._lock:
            self._lent.append(folder)
            if len(self._lent) > MAX_LENT:
                shutil.rmtree(self._lent.popleft(), ignore_errors=True)
        return folder

    def keep(self, painting: Painting) -> None:
        """Take a painting in, and let go what is too old or too much."""
        with self._lock:
            self._paintings[painting.token] = painting
        self.sweep()

    def find(self, token: str) -> Painting | None:
        """The painting of this token, if it is still here."""
        with self._lock:
            return self._paintings.get(token)

    def find_run(self, key: str) -> Painting | None:
        """The painting that a run of this key has led to, if it is still here."""
        with self._lock:
            return next((p for p in self._paintings.values() if p.run == key), None)

    def hand_over(self, painting: Painting, owner: str) -> None:
        """A visitor has come back in a new session: the painting goes with them."""
        with self._lock:
            painting.owner = owner

    def release(self, owner: str) -> None:
        """A visitor has gone, and with them their paintings."""
        with self._lock:
            self._drop([p for p in self._paintings.values() if p.owner == owner])

    def reserve(self, size: int) -> bool:
        """Whether so many bytes may come in; they count as taken until `arrived`."""
        taken = disk.used(self.root)
        if taken + size > self.total:
            disk.sweep(self.root, self.seconds)
            taken = disk.used(self.root)
        with self._lock:
            self._coming += size
            room = min(self.total - taken, disk.free(self.root) - disk.MIN_FREE)
            return self._coming <= room

    def arrived(self, size: int) -> None:
        """What was reserved is in the folder now, or has never come."""
        with self._lock:
            self._coming -= size

    def sweep_all(self) -> None:
        """By the hour: what nobody has asked for as well."""
        self.sweep()
        disk.sweep(self.root, self.seconds)

    def sweep(self) -> None:
        """Let go what is too old, and what is over its visitor's quota."""
        with self._lock:
            now = time.monotonic()
            self._drop([p for p in self._paintings.values() if p.made < now - self.seconds])
            for painting in self._paintings.values():
                if painting.made < now - PREVIEWS:
                    painting.drop_previews()
            theirs: dict[str, int] = {}
            whole, over = 0, []
            for painting in reversed(self._paintings.values()):
                latest = painting.owner not in theirs
                size = sum(file.stat().st_size for file in painting.folder.iterdir())
                theirs[painting.owner] = theirs.get(painting.owner, 0) + size
                whole += size
                if whole > self.total / 2 or (theirs[painting.owner] > self.quota and not latest):
                    over.append(painting)
            self._drop(over)

    def close(self) -> None:
        """The end of the process: nothing stays on the disk."""
        with self._lock:
            self._paintings.clear()
            shutil.rmtree(self.root, ignore_errors=True)

    def _drop(self, paintings: list[Painting]) -> None:
        for painting in paintings:
            del self._paintings[painting.token]
            shutil.rmtree(painting.folder, ignore_errors=True)


def digest(path: Path) -> str:
    """Tells one photo from another: the SHA-256 of its file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
