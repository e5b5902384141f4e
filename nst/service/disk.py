"""The one folder that a process writes into, and how nothing in it grows without end.

What visitors send, what Gradio makes of it, and their paintings lie in it, so that removing it
leaves nothing.
"""

import fcntl
import logging
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("nst")

PREFIX = "nst-"
HELD = ".held"
"""A file that a living process holds locked; the system lets it go however the process ends."""

BROKEN_OFF = 600.0
"""Seconds after which an upload that does not grow any more will not be finished."""

MIN_FREE = 50 * 2**20
"""Bytes of the disk that uploads leave to the paintings."""


def open_folder() -> Path:
    """A folder for this process alone; those that killed processes have left are removed."""
    above = _writable(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()))
    for held in above.glob(f"{PREFIX}*/{HELD}"):
        if not _is_held(held):
            shutil.rmtree(held.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above)).resolve()
    # Locked under another name first: a process that starts just now must not find it free.
    beside = folder / f"{HELD}.new"
    fcntl.flock(os.open(beside, os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
    beside.rename(folder / HELD)
    return folder


def _writable(folder: Path) -> Path:
    """The folder, made if need be, or the system's own where that can't be had."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK | os.X_OK):
        return folder
    log.warning("%s can't be written to; %s is taken instead", folder, tempfile.gettempdir())
    return Path(tempfile.gettempdir())


def _is_held(file: Path) -> bool:
    try:
        with file.open() as there:
            fcntl.flock(there, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or another's
        return True
    return False


def sweep(folder: Path, seconds: float) -> None:
    """Remove what is older than so many seconds, uploads that broke off, and empty folders."""
    now = time.time()
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies in a folder before the folder
        with suppress(OSError):  # gone meanwhile, or a folder that is not empty
            age = now - path.lstat().st_mtime
            if path.is_symlink() or path == folder / HELD:
                continue
            if path.is_dir():
                if age > BROKEN_OFF:
                    path.rmdir()
            elif age > (BROKEN_OFF if path.parent == folder else seconds):
                path.unlink()


def used(folder: Path) -> int:
    """Bytes of all files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            if not path.is_dir():
                total += path.lstat().st_size
    return total


def free(folder: Path) -> int:
    """Bytes that are left on its disk."""
    return shutil.disk_usage(folder).free
