"""Bombs: what is small to send and large to hold. The server's memory stays bounded.

conftest.py looks at the most it ever had, after each of these.
"""

import base64
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .conftest import clear
from .costly import costly
from .stranger import MB, Stranger, messages, picture, sent

LARGE = 9900, 10_000
"""Just below what is taken at all."""

OWN = 1100
"""Megabytes that a large picture may take for a moment."""


def png(size: tuple[int, int], bits: int, colour_type: int, rows: int = 0) -> bytes:
    """A black PNG, made row by row; of all its rows, or of fewer than it claims."""
    width, height = size
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    packer, row = zlib.compressobj(1), bytes(1 + width * channels * bits // 8)
    packed = b"".join(packer.compress(row) for _ in range(rows or height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": packed, b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return png(LARGE, 16, 6)


@pytest.mark.parametrize(("bits", "colour_type"), [(16, 0), (16, 6)])
def test_a_large_photo(stranger: Stranger, bits: int, colour_type: int) -> None:
    photo = sent(stranger.upload(png(LARGE, bits, colour_type)))
    before = stranger.memory()
    assert "event: complete" in stranger.paint(photo, colour="matched")
    assert stranger.memory("VmHWM") < before + OWN


def test_many_large_photos_at_once(stranger: Stranger, bomb: bytes) -> None:
    photo = sent(stranger.upload(bomb))
    data = stranger.filled("check_photo", photo=photo)
    before = stranger.memory()
    others = [Stranger(stranger.served, address=stranger.address) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        for reply in pool.map(lambda someone: someone.ask("check_photo", data), others):
            assert '"success":true' in reply
    assert stranger.memory("VmHWM") < before + 2 * OWN


def test_a_large_mask_in_the_editor(stranger: Stranger, bomb: bytes) -> None:
    layer, photo = sent(stranger.upload(bomb)), sent(stranger.upload(picture()))
    mask = {"background": None, "layers": [layer] * 200, "composite": None}
    data = stranger.filled("start_painting", photo=photo, chosen=["gold_spirals"], mask=mask)
    before = stranger.memory()
    assert "larger than any screen" in stranger.ask("start_painting", data)
    assert stranger.memory("VmHWM") < before + 50


def test_a_large_mask_in_a_call(stranger: Stranger) -> None:
    mask = sent(stranger.upload(picture(LARGE, "L")))
    before = stranger.memory()
    reply = stranger.paint(sent(stranger.upload(picture((99, 100)))), mask=mask, colour="matched")
    assert "black or transparent everywhere" in reply
    assert stranger.memory("VmHWM") < before + OWN


def test_a_picture_of_too_many_pixels(stranger: Stranger) -> None:
    photo = sent(stranger.upload(png((60_000, 60_000), 1, 0, rows=9)))
    for reply in (
        stranger.paint(photo),
        stranger.ask("check_photo", stranger.filled("check_photo", photo=photo)),
        stranger.ask("open_mask_editor", stranger.filled("open_mask_editor", photo=photo)),
    ):
        assert "megapixels" in reply or "can't be painted" in reply


def _remembered(picture: bytes | str, **more: Any) -> dict[str, Any]:
    text = picture if isinstance(picture, str) else base64.b64encode(picture).decode()
    return {"token": "", "address": "", "title": "", "picture": text} | more


def _jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG that claims another size."""
    data = bytearray(picture(kind="JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50000 50000\n%%EndComments\nshowpage\n"

MEMORIES: dict[str, Any] = {
    "a JPEG that claims to be large": _remembered(_jpeg_of(30_000, 28_000)),
    "a large PNG": _remembered(png((20_000, 20_000), 1, 0, rows=9)),
    "PostScript": _remembered(POSTSCRIPT),
    "half a megabyte": _remembered("A" * 500_000),
    "no base64": _remembered("\u00e9\ud800"),
    "a number": 7,
    "a picture that is a list": {"token": "", "address": "", "title": "", "picture": [1] * 9},
    "an address that is none": _remembered(picture(kind="JPEG"), address="size=1e999&x=%ff"),
}


@pytest.mark.parametrize("memory", MEMORIES.values(), ids=MEMORIES)
@pytest.mark.parametrize("handler", ["load_history", "remove_selected", "bring_back"])
def test_memories_that_no_browser_has(stranger: Stranger, handler: str, memory: Any) -> None:
    stranger.forget_peak()
    before = stranger.memory()
    for remembered in ([memory] * 4, memory):
        data = stranger.filled(handler, browserstate=remembered)
        event = {"event_data": {"index": 0, "value": None}}
        if stranger.dependency(handler)["queue"]:
            reply = stranger.ask(handler, data, **event)
            assert messages(reply)[-2]["success"]
        else:
            answer = stranger.run(handler, data, **event)
            assert answer.status_code == 200
            reply = answer.text
        clear(reply)
    assert stranger.memory("VmHWM") < before + 60


def test_eight_memories_are_looked_at(stranger: Stranger) -> None:
    kept = [_remembered(picture(kind="JPEG"), title=str(n)) for n in range(100)]
    answer = stranger.run("load_history", [kept]).json()
    assert len(answer["data"][0]["value"]) == 8


@pytest.mark.parametrize("suffix", ["eps", "pdf", "png"])
def test_postscript_is_no_photo(stranger: Stranger, suffix: str) -> None:
    photo = sent(stranger.upload(POSTSCRIPT, f"photo.{suffix}"))
    assert "not in a format that can be read" in stranger.paint(photo)


NOTES = {
    "a number that is none": '{"link": "size=1e999", "styles": [], "also": [], "backbone": "",'
    ' "step": 1e999, "steps": 1, "seconds": 1e999}',
    "deep": '{"link": ' + "[" * 9000 + "]" * 9000 + "}",
    "half a character": '{"link": "\\ud800", "styles": "\\udfff"}',
    "no JSON": "{",
}


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)
def test_forged_memories_of_a_painting(stranger: Stranger, note: str) -> None:
    info, data = PngInfo(), io.BytesIO()
    info.add_text("nst", note)
    Image.new("RGB", (64, 64)).save(data, "PNG", pnginfo=info)
    photo = sent(stranger.upload(data.getvalue()))
    reply = stranger.ask("check_photo", stranger.filled("check_photo", photo=photo))
    assert "painted here" not in reply
    assert messages(reply)[-2]["success"]


def test_requests_are_no_larger_than_they_need_be(stranger: Stranger) -> None:
    before = stranger.memory()
    data = ["x" * 20 * MB]
    for answer in (
        stranger.join("load_history", data),
        stranger.post("/call/paint", {"data": data}),
        stranger.post("/mcp/", {"data": data}),
    ):
        assert answer.status_code == 413
        assert "too large" in answer.text
    assert stranger.memory("VmHWM") < before + 50


def test_uploads_are_bounded_together(stranger: Stranger) -> None:
    files = [("files", (f"{n}.png", b"x" * 4 * MB)) for n in range(3)]
    assert stranger.http.post("/upload", files=files).status_code == 413
    assert stranger.http.post("/upload", data={"files": "x" * 20 * MB}).status_code == 413


def test_what_one_event_names_is_bounded_together(stranger: Stranger) -> None:
    own = [sent(stranger.upload(bytes([n]) * 4 * MB, f"{n}.png")) for n in range(3)]
    answer = stranger.join("add_styles", stranger.filled("add_styles", uploadbutton=own))
    assert answer.status_code == 422
    assert "13 MB together, and 10 MB are allowed" in answer.text


def test_a_request_without_a_length(stranger: Stranger) -> None:
    answer = stranger.http.post("/queue/join", content=iter([b"{}"] * 3))
    assert (answer.status_code, answer.json()) == (411, {"detail": "This request doesn't tell its length."})


def test_sessions_that_nobody_comes_back_to(stranger: Stranger) -> None:
    body = {"fn_index": stranger.number("load_history"), "data": [["x" * 1_000_000]]}
    answers = [stranger.post("/run/predict", body | {"session_hash": f"s{n}"}) for n in range(20)]
    before = stranger.memory()
    answers += [stranger.post("/run/predict", body | {"session_hash": f"t{n}"}) for n in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    assert stranger.memory() < before + 40


@pytest.mark.parametrize("kind", ["JPEG, scans", "PNG, profiles", "GIF, comments", "TIFF, tags"])
def test_a_picture_that_takes_minutes(stranger: Stranger, kind: str) -> None:
    photo = sent(stranger.upload(costly()[kind], f"photo.{kind[:3].lower()}"))
    before = stranger.memory()
    for reply in (stranger.paint(photo), stranger.ask("check_photo", stranger.filled("check_photo", photo=photo))):
        assert "would take too long to open" in reply
    assert stranger.memory("VmHWM") < before + 50
