"""Finished paintings on disk: a quota for each visitor, a time to live, an orderly end."""

import hashlib
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from nst.sharing import Shared


@dataclass
class Painting:
    """A finished painting in a folder of its own.

    `file` is the PNG and `before` its photo at the same size; `photo` tells which photo that was
    (`digest`). `frames` are there until the film is made of them.
    """

    folder: Path
    file: Path
    before: Path
    photo: str
    shared: Shared
    owner: str
    frames: list[bytes] = field(default_factory=list)
    made: float = field(default_factory=time.monotonic)

    @property
    def token(self) -> str:
        """A name that nobody can guess."""
        return self.folder.name


class Store:
    """All visitors' paintings, in one folder; safe to use from several threads.

    Each visitor's take `quota` bytes at most, the latest painting aside, and all together `total`;
    the oldest make room. None stays for longer than `keep` seconds.
    """

    def __init__(self, root: Path, quota: int, total: int, keep: float) -> None:
        self.root, self.quota, self.total, self.seconds = root, quota, total, keep
        self._paintings: dict[str, Painting] = {}
        self._lock = threading.Lock()

    def new_folder(self) -> Path:
        """An empty folder with a name that nobody can guess."""
        folder = self.root / secrets.token_hex(8)
        folder.mkdir(parents=True)
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

    def hand_over(self, painting: Painting, owner: str) -> None:
        """A visitor has come back in a new session: the painting goes with them."""
        with self._lock:
            painting.owner = owner

    def release(self, owner: str) -> None:
        """A visitor has gone, and with them their paintings."""
        with self._lock:
            self._drop([p for p in self._paintings.values() if p.owner == owner])

    def sweep(self) -> None:
        """Let go what is too old, and what is over its visitor's quota."""
        with self._lock:
            oldest = time.monotonic() - self.seconds
            self._drop([p for p in self._paintings.values() if p.made < oldest])
            theirs: dict[str, int] = {}
            whole, over = 0, []
            for painting in reversed(self._paintings.values()):
                latest = painting.owner not in theirs
                size = sum(file.stat().st_size for file in painting.folder.iterdir())
                theirs[painting.owner] = theirs.get(painting.owner, 0) + size
                whole += size
                if whole > self.total or (theirs[painting.owner] > self.quota and not latest):
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
