"""What the owner of a page can see of it from outside: whether it lives, and how its runs end.

Nothing here tells of a visitor: no names, no pictures, no addresses.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

log = logging.getLogger("nst.runs")

STUCK = 300.0
"""Seconds for one frame, after which the engine counts as dead: the longest takes a minute."""

SECONDS = 1, 2, 5, 10, 20, 30, 60, 120, 300, 600
"""Bounds of the histogram."""


@dataclass
class Record:
    """One run. `outcome` is done, stopped, late, left by its visitor, refused before anything was
    painted, or failed."""

    size: int = 0
    recipe: str = ""
    seconds: float = 0.0
    outcome: str = "failed"


class Metrics:
    """Counts the runs of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._runs = Histogram(
            "nst_run_seconds",
            "Seconds that runs took, by their outcome and recipe.",
            ["outcome", "recipe"],
            buckets=SECONDS,
            registry=self._registry,
        )

    @contextmanager
    def run(self) -> Iterator[Record]:
        """Count and log what happens inside; the one who paints fills the record in."""
        record, begun = Record(), time.monotonic()
        try:
            yield record
        except GeneratorExit:
            record.outcome = "left"
            raise
        finally:
            record.seconds = round(time.monotonic() - begun, 2)
            self._runs.labels(record.outcome, record.recipe).observe(record.seconds)
            log.info(json.dumps(asdict(record)))

    def metrics(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


def health_route(busy: Callable[[], float]) -> Route:
    """`/healthz`: 200, or 503 where the engine, `busy` for so many seconds, no longer moves."""

    async def health(_: Request) -> JSONResponse:
        seconds = busy()
        alive = seconds < STUCK
        told = {"status": "ok" if alive else "stuck", "busy": round(seconds, 1)}
        return JSONResponse(told, 200 if alive else 503)

    return Route("/healthz", health)


def metrics_route(watch: Metrics) -> Route:
    """`/metrics`, for Prometheus."""

    async def metrics(_: Request) -> Response:
        return Response(watch.metrics(), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)
