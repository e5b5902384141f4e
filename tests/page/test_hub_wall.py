"""The wall, against a stand-in for the Hub."""

import base64
import json
from pathlib import Path

import pytest
from huggingface_hub import constants
from PIL import Image

from nst.images import save_image
from nst.page.hub_wall import WallError, hang, latest

from ..conftest import Files

COMMIT = "0" * 40


def put_on_wall(hub: Files, paintings: list[bytes]) -> None:
    """Let the stand-in serve a wall with these, oldest first."""
    names = [f"paintings/2026{month:02}01-120000-abc.png" for month in range(1, len(paintings) + 1)]
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
    hang("owner/wall", painting)
    lines = wall["posted /api/datasets/owner/wall/commit/main"].decode().splitlines()
    (file,) = [json.loads(line)["value"] for line in lines if json.loads(line)["key"] == "file"]
    assert file["path"].startswith("paintings/2")
    assert base64.b64decode(file["content"]) == painting.read_bytes()


def test_the_latest_come_first(wall: Files, painting: Path) -> None:
    data = painting.read_bytes()
    put_on_wall(wall, [data] * 4)
    found = latest("owner/wall", 3)
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
    for attempt in (lambda: hang("owner/wall", painting), lambda: latest("owner/wall")):
        with pytest.raises(WallError, match="can't be reached now"):
            attempt()
