import json
import logging
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nst.config import Config
from nst.service.engine import Engine
from nst.service.metrics import Metrics, Record
from tests.serving import Served


def _runs(watch: Metrics) -> dict[tuple[str, str], float]:
    """How many runs were counted, by outcome and recipe."""
    return {
        (sample.labels["outcome"], sample.labels["recipe"]): sample.value
        for family in text_string_to_metric_families(watch.as_text().decode())
        for sample in family.samples
        if sample.name.endswith("_count")
    }


def _one(watch: Metrics, recipe: str) -> Record:
    with watch.run() as record:
        record.size, record.recipe, record.outcome = 64, recipe, "done"
        return record


def test_every_end_of_a_run_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    watch = Metrics()
    caplog.set_level(logging.INFO, "nst.runs")
    _one(watch, "gatys")
    with pytest.raises(ValueError, match="no"), watch.run() as record:
        record.outcome = "refused"
        raise ValueError("no")
    for error in (GeneratorExit(), OSError("disk")):
        with pytest.raises(type(error)), watch.run():
            raise error
    counted = {("done", "gatys"): 1, ("refused", ""): 1, ("left", ""): 1, ("failed", ""): 1}
    assert _runs(watch) == counted
    entry = json.loads(caplog.messages[0])
    assert entry.pop("seconds") >= 0
    assert entry == {"size": 64, "recipe": "gatys", "outcome": "done"}


def test_an_engine_is_busy_while_a_frame_is_painted() -> None:
    engine = Engine(Config())
    assert engine.busy() == 0
    started, finish = threading.Event(), threading.Event()

    def frames() -> Iterator[str]:
        started.set()
        finish.wait(10)
        yield "frame"

    job: Any = SimpleNamespace(frames=frames(), stop=threading.Event())
    reader = threading.Thread(target=lambda: list(engine.frames(job)))
    reader.start()
    assert started.wait(10)
    time.sleep(0.01)
    assert engine.busy() > 0
    finish.set()
    reader.join(10)
    assert engine.busy() == 0


def test_health_and_counts_over_http(server: Served, tmp_path_factory: pytest.TempPathFactory) -> None:
    answer = httpx.get(server.url + "/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert "nst_run_seconds" not in httpx.get(server.url + "/metrics").text
    assert httpx.get(server.url + "/monitoring/summary").status_code == 404
