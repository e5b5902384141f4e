"""Load test: thirty visitors at once, for ten minutes.

    python -m benchmarks.load [SECONDS]

| visitors | what they do, again and again |
|---|---|
| 20 honest | upload a photo, paint it at 128 pixels |
| 4 leaving | start a run and close the connection |
| 4 junk | send malformed requests |
| 1 uploading | uploads files |
| 1 flooding | starts large runs without reading the results |

Another visitor opens the page and requests `/healthz`. Each visitor has a different IP address.
Prints the results of each kind, the waiting times, and the server's memory and files.
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

OPTIONS = {"size": 128, "more": "steps=16"}
REJECTIONS = "wait already", "Too many wait"
COUNTS = {"honest": 20, "leaving": 4, "junk": 4, "uploading": 1, "flooding": 1}


class Crowd:
    """Results and times so far, shared by all visitors."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.results: dict[str, Counter[str]] = {kind: Counter() for kind in COUNTS}
        self.waited: list[float] = []
        self.healthy: list[float] = []
        self.opened: list[float] = []

    @property
    def running(self) -> bool:
        return time.monotonic() < self.end


def honest(crowd: Crowd, visitor: Stranger) -> str:
    """Paint; the result is a painting or a clear rejection."""
    started = time.monotonic()
    answer = visitor.paint(_photo(visitor), style=random.choice(load_styles()).name, **OPTIONS)
    if "event: complete" in answer:
        crowd.waited.append(time.monotonic() - started)
        time.sleep(random.uniform(2, 8))
        return "painted"
    time.sleep(random.uniform(4, 8))
    return "rejected" if any(text in answer for text in REJECTIONS) else answer[-200:]


def leaving(_: Crowd, visitor: Stranger) -> str:
    """Start a run and leave within ten seconds."""
    body = {"photo": _photo(visitor), "style": "gold_spirals", "size": 256}
    answer = visitor.post("/call/v2/paint", body)
    if answer.status_code != 200:
        time.sleep(3)
        return "rejected"
    with visitor.http.stream("GET", f"/call/v2/paint/{answer.json()['event_id']}"):
        time.sleep(random.uniform(0, 10))
    return "left"


def junk(_: Crowd, visitor: Stranger) -> str:
    """Send a malformed request."""
    path = random.choice(["/queue/join", "/call/v2/paint", "/run/predict", "/cancel", "/mcp/"])
    body = random.choice([None, [], {"data": [{"path": "/etc/passwd"}]}, {"fn_index": 1e9}, "a"])
    time.sleep(0.5)
    return str(visitor.post(path, body).status_code // 100) + "xx"


def uploading(_: Crowd, visitor: Stranger) -> str:
    """Upload a file of 2 MB."""
    data = random.randbytes(2_000_000)
    time.sleep(0.3)
    answer = visitor.http.post("/upload", files={"files": ("a.png", data)})
    return str(answer.status_code)


def flooding(_: Crowd, visitor: Stranger) -> str:
    """Start a large run and do not read its result."""
    body = {"photo": _photo(visitor), "style": "gold_spirals", "size": 2048}
    time.sleep(0.1)
    return str(visitor.post("/call/v2/paint", body).status_code)


ACTS: dict[str, Callable[[Crowd, Stranger], str]] = {
    act.__name__: act for act in (honest, leaving, junk, uploading, flooding)
}


def _photo(visitor: Stranger) -> dict[str, object]:
    return sent(visitor.upload(sample("lion").read_bytes(), "lion.jpg"))


def _visit(crowd: Crowd, kind: str, visitor: Stranger) -> None:
    while crowd.running:
        try:
            crowd.results[kind][ACTS[kind](crowd, visitor)] += 1
        except (httpx.HTTPError, AssertionError) as error:
            crowd.results[kind][f"{type(error).__name__} {error}"[:100]] += 1


def _open_page(crowd: Crowd, visitor: Stranger) -> None:
    """Open the page with all its styles, and request its health."""
    while crowd.running:
        started = time.monotonic()
        assert visitor.get("/healthz").status_code == 200
        crowd.healthy.append(time.monotonic() - started)
        started = time.monotonic()
        assert visitor.get("/").status_code == 200
        page = visitor.ask("welcome", [])
        missing = [style.name for style in load_styles() if style.name not in page]
        crowd.opened.append(float("nan") if missing else time.monotonic() - started)
        time.sleep(2)


def main(seconds: float = 600) -> None:
    """Run all visitors and print the results."""
    limits = {"NST_MAX_SECONDS": "600", "NST_METRICS": "1"}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), **limits) as app:
        first = Stranger(app, address="198.51.100.1")
        for _ in range(3):
            first.paint(_photo(first), style="gold_spirals", **OPTIONS)
        before, crowd = first.memory(), Crowd(seconds)
        threads = [threading.Thread(target=_open_page, args=[crowd, first])]
        for number, kind in enumerate(kind for kind, n in COUNTS.items() for _ in range(n)):
            visitor = Stranger(app, address=f"203.0.113.{number + 1}")
            threads.append(threading.Thread(target=_visit, args=[crowd, kind, visitor]))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(30)
        first.paint(_photo(first), style="gold_spirals", **OPTIONS)
        time.sleep(5)
        for kind, results in crowd.results.items():
            print(f"{COUNTS[kind]:2} {kind}: {dict(results)}")
        for name, times in (("painted after", crowd.waited), ("healthz", crowd.healthy)):
            print(f"{name}: median {statistics.median(times):.2f} s, worst {max(times):.2f} s")
        complete = [x for x in crowd.opened if x == x]
        print(f"page opened with all styles {len(complete)} of {len(crowd.opened)} times,", end=" ")
        print(f"median {statistics.median(complete):.2f} s, worst {max(complete):.2f} s")
        print(f"memory: {before:.0f} MB before, {first.memory():.0f} MB after")
        used = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
        print(f"files: {used / 1e6:.0f} MB; tracebacks: {app.log.read_text().count('Traceback')}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
