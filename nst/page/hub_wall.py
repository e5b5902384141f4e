"""The wall: a dataset repository on the Hub, where visitors hang their paintings."""

import hashlib
import time
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url

from nst.hub import check_reachable

FOLDER = "paintings"
LATEST = 24


class WallError(ValueError):
    """The wall is out of reach; the message is for the visitor."""


def hang(repository: str, painting: Path) -> None:
    """Upload a painting; needs a token that may write, as huggingface_hub finds it."""
    digest = hashlib.sha256(painting.read_bytes()).hexdigest()[:8]
    # The time first, so that names in order are paintings in order.
    name = f"{FOLDER}/{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{digest}.png"
    try:
        _check_reachable(repository)
        HfApi(endpoint=constants.ENDPOINT).upload_file(
            path_or_fileobj=painting,
            path_in_repo=name,
            repo_id=repository,
            repo_type="dataset",
            commit_message="A painting",
        )
    # The Hub fails in more ways than can be listed; the painting is still in the page.
    except Exception as error:
        raise WallError(
            "the wall can't be reached now; your painting is still here, try again later"
        ) from error


def latest(repository: str, count: int = LATEST) -> list[Path]:
    """The newest paintings, as files on this machine, newest first."""
    try:
        _check_reachable(repository)
        files = HfApi(endpoint=constants.ENDPOINT).list_repo_files(repository, repo_type="dataset")
        names = sorted(name for name in files if name.startswith(f"{FOLDER}/"))
        return [
            Path(hf_hub_download(repository, name, repo_type="dataset"))
            for name in names[: -count - 1 : -1]
        ]
    except Exception as error:
        raise WallError("the wall can't be reached now; try again later") from error


def _check_reachable(repository: str) -> None:
    """Fail at once where the Hub is out of reach."""
    check_reachable(hf_hub_url(repository, "README.md", repo_type="dataset"))
