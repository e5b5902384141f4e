"""Thirty visitors at once, for ten minutes: who gets what, and how the machine bears it.

    python -m benchmarks.load [SECONDS]

Twenty honest ones upload a photo, paint it at 128 pixels and come back; four leave in the middle of
a run, four send junk, one uploads again and again, one floods the line from one address. Meanwhile
somebody opens the page and asks for `/healthz`. Each has an address of their own.
"""

import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx

from nst.gallery import load_styles, sample
from tests.attacks.stranger import Stranger, sent
from tests.serving import served

WISH = {"size": 128, "more": "steps=16"}
REFUSED = "wait already", "Too many wait"
COUNTS = {"honest": 20, "leaving": 4, "junk": 4, "uploading": 1, "flooding": 1}


class Crowd:
    """What has happened so far, by kind of visitor."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.told: dict[str, Counter[str]] = {kind: Counter() for kind in COUNTS}
        self.waited: list[float] = []
        self.healthy: list[float] = []
        self.opened: list[float] = []

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.end


def honest(crowd: Crowd, visitor: Stranger) -> str:
    """A painting, or a clear refusal."""
    begun = time.monotonic()
    answer = visitor.paint(_photo(visitor), style=random.choice(load_styles()).name, **WISH)
    if "event: complete" in answer:
        crowd.waited.append(time.monotonic() - begun)
        time.sleep(random.uniform(2, 8))
        return "painted"
    time.sleep(random.uniform(4, 8))
    return "refused" if any(told in answer for told in REFUSED) else answer[-200:]


def leaving(_: Crowd, visitor: Stranger) -> str:
    """Begins, and goes."""
    wish = {"photo": _photo(visitor), "style": "gold_spirals", "size": 256}
    answer = visitor.post("/call/v2/paint", wish)
    if answer.status_code != 200:
        time.sleep(3)
        return "refused"
    with visitor.http.stream("GET", f"/call/v2/paint/{answer.json()['event_id']}"):
        time.sleep(random.uniform(0, 10))
    return "left"


def junk(_: Crowd, visitor: Stranger) -> str:
    """Something that makes no sense, somewhere."""
    path = random.choice(["/queue/join", "/call/v2/paint", "/run/predict", "/cancel", "/mcp/"])
    body = random.choice([None, [], {"data": [{"path": "/etc/passwd"}]}, {"fn_index": 1e9}, "a"])
    time.sleep(0.5)
    return str(visitor.post(path, body).status_code // 100) + "xx"


def uploading(_: Crowd, visitor: Stranger) -> str:
    """Ever more files."""
    data = random.randbytes(2_000_000)
    time.sleep(0.3)
    answer = visitor.http.post("/upload", files={"files": ("a.png", data)})
    return str(answer.status_code)


def flooding(_: Crowd, visitor: Stranger) -> str:
    """Runs without end from one address, which nobody listens to."""
    wish = {"photo": _photo(visitor), "style": "gold_spirals", "size": 2048}
    time.sleep(0.1)
    return str(visitor.post("/call/v2/paint", wish).status_code)


ACTS: dict[str, Callable[[Crowd, Stranger], str]] = {
    act.__name__: act for act in (honest, leaving, junk, uploading, flooding)
}


def _photo(visitor: Stranger) -> dict[str, object]:
    return sent(visitor.upload(sample("lion").read_bytes(), "lion.jpg"))


def _visit(crowd: Crowd, kind: str, visitor: Stranger) -> None:
    while crowd.goes_on:
        try:
            crowd.told[kind][ACTS[kind](crowd, visitor)] += 1
        except (httpx.HTTPError, AssertionError) as error:
            crowd.told[kind][f"{type(error).__name__} {error}"[:100]] += 1


def _look(crowd: Crowd, visitor: Stranger) -> None:
    """The page with all its styles, and its health."""
    while crowd.goes_on:
        begun = time.monotonic()
        assert visitor.get("/healthz").status_code == 200
        crowd.healthy.append(time.monotonic() - begun)
        begun = time.monotonic()
        assert visitor.get("/").status_code == 200
        told = visitor.ask("welcome", [])
        missing = [plate.name for plate in load_styles() if plate.name not in told]
        crowd.opened.append(float("nan") if missing else time.monotonic() - begun)
        time.sleep(2)


def main(seconds: float = 600) -> None:
    """Print what everybody got."""
    limits = {"NST_MAX_SECONDS": "600", "NST_METRICS": "1"}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), **limits) as app:
        first = Stranger(app, address="198.51.100.1")
        for _ in range(3):
            first.paint(_photo(first), style="gold_spirals", **WISH)
        before, crowd = first.memory(), Crowd(seconds)
        threads = [threading.Thread(target=_look, args=[crowd, first])]
        for number, kind in enumerate(kind for kind, n in COUNTS.items() for _ in range(n)):
            visitor = Stranger(app, address=f"203.0.113.{number + 1}")
            threads.append(threading.Thread(target=_visit, args=[crowd, kind, visitor]))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(30)
        first.paint(_photo(first), style="gold_spirals", **WISH)
        time.sleep(5)
        for kind, told in crowd.told.items():
            print(f"{COUNTS[kind]:2} {kind}: {dict(told)}")
        for name, found in (("painted after", crowd.waited), ("healthz", crowd.healthy)):
            print(f"{name}: median {statistics.median(found):.2f} s, worst {max(found):.2f} s")
        whole = [x for x in crowd.opened if x == x]
        print(f"page opened with all styles {len(whole)} of {len(crowd.opened)} times,", end=" ")
        print(f"median {statistics.median(whole):.2f} s, worst {max(whole):.2f} s")
        print(f"memory: {before:.0f} MB before, {first.memory():.0f} MB after")
        used = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
        print(f"files: {used / 1e6:.0f} MB; tracebacks: {app.log.read_text().count('Traceback')}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
