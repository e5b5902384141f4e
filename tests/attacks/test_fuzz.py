"""What chance makes of pictures, memories, links and bodies: refused in words, each of them.

NST_FUZZ multiplies how much is tried. 1, the default, takes seconds; 50 is the full count: 3000
pictures, 1000 memories, 1000 links and 500 bodies. Each run tries the same.
"""

import io
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.datastructures import QueryParams

from nst.gallery import load_styles
from nst.recipes import RECIPES
from nst.settings import Settings
from nst.sharing import KEY, Provenance, ShareLink, from_file, from_query, from_text, parse_query, to_query, to_text
from tests.serving import ROOT

from .conftest import clear
from .mutation import ODD_JSON, bent, mutated, seeds
from .stranger import Stranger, picture, sent

FUZZ = float(os.environ.get("NST_FUZZ", "1"))
IMAGES, MEMORIES, LINKS, BODIES = (max(1, round(n * FUZZ)) for n in (60, 20, 20, 10))

PIECE = 500
"""Pictures that one process opens."""


def tried(count: int) -> settings:
    """So many examples, always the same ones, none of them hurried, and none made smaller."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )


# Pictures.


@pytest.mark.parametrize("first", range(0, IMAGES, PIECE))
def test_broken_pictures(tmp_path: Path, first: int) -> None:
    count = min(PIECE, IMAGES - first)
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.fuzz_images", str(first), str(count), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "shown")},
        capture_output=True,
        text=True,
        timeout=60 + 2 * count,
    )
    *begun, last = done.stdout.splitlines() or [""]
    assert done.returncode == 0, (last, done.stderr[-3000:])
    reply = json.loads(last)
    print(reply)
    assert reply["wrong"] == []
    assert reply["outcomes"]["opened"] > count / 4  # it is no test of refusals alone
    assert len(begun) == count


# Memories.

PAINTED = Provenance(
    ShareLink("gatys", Settings(size=256), ("gold_spirals",)), ("0" * 16,), ("mask",), "VGG-19", 9, 9, 1.5
)
MEMORY: dict[str, Any] = json.loads(to_text(PAINTED)[KEY])

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
raw = st.sampled_from(ODD_JSON) | anything.map(json.dumps)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A link's question: what is known and what is not, sound values and others."""
    names = [*(field.name for field in fields(Settings)), "recipe", "style", "photo", "v"]
    sound = ["0", "1", "0.5", "2,1", "relu1_1=0", "relu1_1=0.1234567,conv2_1", "photo", "gold_spirals"]
    odd = ["", "nan", "inf", "-1", "1e999", "9" * 5000, "1_0", "\u0661", "%", "%ff", ",", "=", "\0"]
    value = st.sampled_from([*sound, *odd, *RECIPES]) | st.floats().map(str) | st.text()
    name = st.sampled_from(names) | st.text(max_size=9)
    either = st.sampled_from([lambda said: quote(said, errors="ignore"), str])
    pairs = draw(st.lists(st.tuples(name, value, either)))
    return "&".join(f"{name}={written(said)}" for name, said, written in pairs)


@st.composite
def memories(draw: st.DrawFn) -> str:
    """A memory some of whose parts are odd, as text."""
    chance = Random(draw(st.integers(0, 2**64)))
    way = chance.random()
    if way < 0.4:
        return bent(chance, MEMORY)
    if way < 0.6:
        return bent(chance, MEMORY | {chance.choice([*MEMORY]): draw(anything)})
    if way < 0.8:
        return json.dumps(MEMORY | {"link": draw(queries())})
    if way < 0.9:
        return mutated(chance, json.dumps(MEMORY).encode(), [b"{}"]).decode("utf-8", "replace")
    return draw(raw)


def check_link(link: ShareLink, complaints: list[str]) -> None:
    """It can be used, and its query gives it again."""
    assert all(type(complaint) is str for complaint in complaints)
    assert from_query(parse_query(to_query(link))) == (link, [])
    assert from_query(parse_query(to_query(link)))[0] == link


def check_memory(remembered: tuple[Provenance, list[str]] | None) -> None:
    """Nothing, or what can be remembered again."""
    if remembered is None:
        return
    painted, complaints = remembered
    check_link(painted.link, complaints)
    image = Image.new("RGB", (20, 20))
    image.info |= to_text(painted)
    again = from_text(image)
    assert again
    assert again[0].link.settings == painted.link.settings
    assert (again[0].style_hashes, again[0].steps) == (painted.style_hashes, painted.steps)


@tried(MEMORIES)
@given(text=memories(), chance=st.integers(0, 2**32), packed=st.booleans())
def test_broken_memories(tmp_path_factory: pytest.TempPathFactory, text: str, chance: int, packed: bool) -> None:
    image = Image.new("RGB", (20, 20))
    image.info[KEY] = text
    remembered = from_text(image)
    check_memory(remembered)
    notes, data = PngInfo(), io.BytesIO()
    notes.add_itxt(KEY, text.encode("utf-8", "ignore").decode(), zip=packed)
    image.save(data, "PNG", pnginfo=notes)
    file = tmp_path_factory.getbasetemp() / "memory.png"
    file.write_bytes(data.getvalue())
    if text.encode("utf-8", "ignore").decode() == text and "\0" not in text:
        assert from_file(file) == remembered
    file.write_bytes(mutated(Random(chance), data.getvalue(), list(seeds().values())))
    check_memory(from_file(file))


# Links.


@tried(LINKS)
@given(query=queries())
def test_broken_links(query: str) -> None:
    for asked in (dict(QueryParams(query)), parse_query(query)):
        for offered in ((), load_styles()):
            check_link(*from_query(asked, offered))
    assert isinstance(from_query(parse_query(query))[0], ShareLink)


# Bodies.


def bodies(chance: Random, someone: Stranger, photo: str) -> tuple[str, bytes]:
    """A path and what is sent to it: what the page or programs send, and odd in a place."""
    known = {"photo": sent(photo), "style": "gold_spirals", "size": 64, "more": "steps=1"}
    event = chance.choice(someone.config["dependencies"])
    join: dict[str, Any] = {
        "fn_index": event["id"],
        "data": someone.filled(event["api_name"], **known, Size=64, Steps=1),
        "session_hash": someone.session_hash,
        "event_data": {"index": 0, "value": "gold_spirals"},
        "trigger_id": 1,
    }
    tool = {"method": "tools/call", "params": {"name": "paint", "arguments": known}}
    sound: dict[str, Any] = {
        "/queue/join": join,
        "/run/predict": join,
        f"/call/{event['api_name']}": {"data": join["data"]},
        "/call/paint": {"data": someone.filled("paint", **known, Size=64)},
        "/call/v2/paint": known,
        "/cancel": {"session_hash": someone.session_hash, "fn_index": 0, "event_id": "a" * 32},
        "/reset": {"event_id": "a" * 32},
        "/mcp/": {"jsonrpc": "2.0", "id": 1, **tool},
    }
    path = chance.choice([*sound])
    if chance.random() < 0.1:
        return path, mutated(chance, json.dumps(sound[path]).encode(), [b"{}", b"[]"])
    return path, bent(chance, sound[path]).encode("utf-8", "surrogatepass")


def heard(someone: Stranger, path: str, answer: httpx.Response, body: bytes) -> str:
    """What becomes of an event that was taken."""
    reply = answer.json() if answer.status_code == 200 and path != "/mcp/" else None
    if not isinstance(reply, dict) or "event_id" not in reply:
        return ""
    if path.startswith("/call"):
        return someone.http.get(f"{path}/{reply['event_id']}").text
    return someone.listen(json.loads(body).get("session_hash") or reply["event_id"])


def test_broken_bodies(stranger: Stranger) -> None:
    photo = stranger.upload(picture())
    codes: Counter[str] = Counter()
    for number in range(BODIES):
        path, body = bodies(Random(number), stranger, photo)
        # Each from somewhere else: how much one may ask for is tested elsewhere.
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "x-forwarded-for": f"192.0.{number // 250}.{number % 250}",
        }
        answer = stranger.http.post(path, content=body, headers=headers)
        codes[f"{path} {answer.status_code}"] += 1
        assert answer.status_code < 500, (number, answer.text)
        clear(answer.text)
        clear(heard(stranger, path, answer, body))
        assert stranger.served.process.poll() is None, number
    print(codes)
