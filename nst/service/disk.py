"""The one folder that a process writes to: uploads, Gradio's files and paintings.

Removing it leaves nothing behind, and `sweep` keeps it from growing without end.
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
LOCK = ".held"  # a file that a living process keeps locked; the system unlocks it however the process ends
STALE_SECONDS = 600.0  # an upload that has not grown for so long will not be finished
SITE = "site"  # the folder of the page's own pictures, which are as old as the process and stay
MIN_FREE = 50 * 2**20  # bytes of the disk that uploads leave to paintings


def open_folder() -> Path:
    """A folder for this process alone; folders of processes that were killed are removed."""
    parent = _writable(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()))
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        if not _is_locked(lock):
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    # Locked before it has its name: a process that starts now must not find it unlocked.
    new_lock = folder / f"{LOCK}.new"
    fcntl.flock(os.open(new_lock, os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
    new_lock.rename(folder / LOCK)
    return folder


def _writable(folder: Path) -> Path:
    """The folder, created if necessary; the system's temporary folder if it isn't writable."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK | os.X_OK):
        return folder
    log.warning("%s can't be written to; %s is taken instead", folder, tempfile.gettempdir())
    return Path(tempfile.gettempdir())


def _is_locked(file: Path) -> bool:
    try:
        with file.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked, or another user's
        return True
    return False


def sweep(folder: Path, seconds: float) -> None:
    """Remove files of visitors older than so many seconds, unfinished uploads, and empty folders."""
    now = time.time()
    for path in sorted(folder.rglob("*"), reverse=True):  # a folder's contents before the folder
        with suppress(OSError):  # removed meanwhile, or a folder that is not empty
            age = now - path.lstat().st_mtime
            if path.is_symlink() or path == folder / LOCK or path.is_relative_to(folder / SITE):
                continue
            if path.is_dir():
                if age > STALE_SECONDS:
                    path.rmdir()
            elif age > (STALE_SECONDS if path.parent == folder else seconds):
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
    """Free bytes on the folder's disk."""
    return shutil.disk_usage(folder).free
