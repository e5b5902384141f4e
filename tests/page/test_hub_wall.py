"""The wall, against a stand-in for the Hub."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from huggingface_hub import constants
from PIL import Image

from nst.images import save_image
from nst.page.hub_wall import WallError, hang, latest

from ..conftest import Files

COMMIT = "0" * 40


def put_on_wall(
    hub: Files, paintings: list[bytes], digest: str = "abc", hidden: bytes = b""
) -> None:
    """Let the stand-in serve a wall with these, oldest first, and the owner's list."""
    months = range(1, len(paintings) + 1)
    names = [f"paintings/2026{month:02}01-120000-{digest}.png" for month in months]
    if hidden:
        names, paintings = [*names, "hidden.txt"], [*paintings, hidden]
    listing = {"id": "owner/wall", "sha": COMMIT, "siblings": [{"rfilename": n} for n in names]}
    tree = [
        {"type": "file", "path": name, "size": len(data), "oid": COMMIT}
        for name, data in zip(names, paintings, strict=True)
    ]
    for revision in ("main", COMMIT):
        hub[f"/api/datasets/owner/wall/revision/{revision}"] = json.dumps(listing).encode()
        hub[f"/api/datasets/owner/wall/tree/{revision}"] = json.dumps(tree).encode()
        for name, data in zip(names, paintings, strict=True):
            hub[f"/datasets/owner/wall/resolve/{revision}/{name}"] = data


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    save_image(Image.new("RGB", (20, 20), "teal"), tmp_path / "a.png", {"nst": "{}"})
    return tmp_path / "a.png"


@pytest.fixture
def wall(hub: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A dataset repository that takes commits."""
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 34)
    root = "/api/datasets/owner/wall"

    def answer(posted: bytes) -> bytes:
        """All files may come in the commit itself."""
        asked = json.loads(posted)["files"]
        told = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]
        return json.dumps({"files": told}).encode()

    hub[f"{root}/preupload/main"] = answer
    hub[f"{root}/commit/main"] = json.dumps(
        {
            "commitUrl": f"https://huggingface.co/datasets/owner/wall/commit/{COMMIT}",
            "commitOid": COMMIT,
            "success": True,
        }
    ).encode()
    return hub


def test_a_painting_is_hung(wall: Files, painting: Path) -> None:
    put_on_wall(wall, [])
    hang("owner/wall", painting)
    lines = wall["posted /api/datasets/owner/wall/commit/main"].decode().splitlines()
    (file,) = [json.loads(line)["value"] for line in lines if json.loads(line)["key"] == "file"]
    assert file["path"].startswith("paintings/2")
    assert base64.b64decode(file["content"]) == painting.read_bytes()


def test_the_latest_come_first(wall: Files, painting: Path, tmp_path: Path) -> None:
    data = painting.read_bytes()
    put_on_wall(wall, [data] * 4)
    found = latest("owner/wall", tmp_path / "wall", 3)
    assert [path.name[:6] for path in found] == ["202604", "202603", "202602"]
    assert found[0].read_bytes() == data


def test_a_failing_upload_is_told_in_a_sentence(wall: Files, painting: Path) -> None:
    del wall["/api/datasets/owner/wall/commit/main"]
    with pytest.raises(WallError, match="your painting is still here"):
        hang("owner/wall", painting)


def test_a_hub_out_of_reach_is_told_at_once(
    painting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    for attempt in (
        lambda: hang("owner/wall", painting),
        lambda: latest("owner/wall", painting.parent),
    ):
        with pytest.raises(WallError, match="can't be reached now"):
            attempt()


def test_what_the_owner_has_listed_is_not_shown(hub: Files, painting: Path, tmp_path: Path) -> None:
    hidden = b"20260201-120000-abc.png\n\npaintings/20260401-120000-abc.png \n\xff\n"
    put_on_wall(hub, [painting.read_bytes()] * 4, hidden=hidden)
    found = latest("owner/wall", tmp_path / "wall")
    assert [path.name[:6] for path in found] == ["202603", "202601"]


def test_the_same_picture_hangs_once(wall: Files, painting: Path) -> None:
    with Image.open(painting) as picture:
        digest = hashlib.sha256(picture.tobytes()).hexdigest()[:8]
    put_on_wall(wall, [painting.read_bytes()], digest)
    with pytest.raises(WallError, match="already"):
        hang("owner/wall", painting)
