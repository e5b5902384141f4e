"""The wall: a dataset repository on the Hub, where visitors hang their paintings."""

import hashlib
import time
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from PIL import Image

from nst.hub import check_reachable

FOLDER = "paintings"
HIDDEN = "hidden.txt"
LATEST = 24


class WallError(ValueError):
    """The wall is out of reach; the message is for the visitor."""


class HangsAlready(WallError):
    """The same picture is there; the message is for the visitor."""


def hang(repository: str, painting: Path) -> None:
    """Upload a painting; needs a token that may write, as huggingface_hub finds it."""
    with Image.open(painting) as picture:
        digest = hashlib.sha256(picture.tobytes()).hexdigest()[:8]
    # The time first, so that names in order are paintings in order.
    name = f"{FOLDER}/{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{digest}.png"
    try:
        if any(there.endswith(f"-{digest}.png") for there in _names(repository)):
            raise HangsAlready("it hangs on the wall already")
        HfApi(endpoint=constants.ENDPOINT).upload_file(
            path_or_fileobj=painting,
            path_in_repo=name,
            repo_id=repository,
            repo_type="dataset",
            commit_message="A painting",
        )
    except HangsAlready:
        raise
    # The Hub fails in more ways than can be listed; the painting is still in the page.
    except Exception as error:
        raise WallError(
            "the wall can't be reached now; your painting is still here, try again later"
        ) from error


def latest(repository: str, folder: Path, count: int = LATEST) -> list[Path]:
    """The newest paintings that the owner has not taken down, newest first, as files in a folder.

    The owner's list is HIDDEN in the repository: a name of a painting a line.
    """
    try:
        names = _names(repository)
        hidden = _hidden(repository, folder) if HIDDEN in names else set()
        shown = sorted(
            name
            for name in names
            if name.startswith(f"{FOLDER}/") and Path(name).name not in hidden
        )
        return [_file(repository, name, folder) for name in shown[: -count - 1 : -1]]
    except Exception as error:
        raise WallError("the wall can't be reached now; try again later") from error


def _names(repository: str) -> list[str]:
    _check_reachable(repository)
    return HfApi(endpoint=constants.ENDPOINT).list_repo_files(repository, repo_type="dataset")


def _hidden(repository: str, folder: Path) -> set[str]:
    lines = _file(repository, HIDDEN, folder).read_text("utf-8", "replace").splitlines()
    return {Path(line.strip()).name for line in lines}


def _file(repository: str, name: str, folder: Path) -> Path:
    """Not in the Hub's own cache, which would grow with the wall."""
    return Path(hf_hub_download(repository, name, repo_type="dataset", local_dir=folder))


def _check_reachable(repository: str) -> None:
    """Fail at once where the Hub is out of reach."""
    check_reachable(hf_hub_url(repository, "README.md", repo_type="dataset"))
