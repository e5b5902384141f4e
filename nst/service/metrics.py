"""Health and run statistics for the owner of a page.

Nothing here identifies a visitor: no names, no pictures, no addresses.
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

STUCK_SECONDS = 300.0  # an engine that computes one frame for so long counts as dead; the slowest takes a minute
BUCKETS = 1, 2, 5, 10, 20, 30, 60, 120, 300, 600  # upper bounds of the histogram, in seconds


@dataclass
class Record:
    """One run; `outcome` is done, stopped, late (time limit), left (by its visitor), refused (before the first step),
    or failed."""

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
            buckets=BUCKETS,
            registry=self._registry,
        )

    @contextmanager
    def run(self) -> Iterator[Record]:
        """Count and log the run within this context, which fills in the record."""
        record, started = Record(), time.monotonic()
        try:
            yield record
        except GeneratorExit:
            record.outcome = "left"
            raise
        finally:
            record.seconds = round(time.monotonic() - started, 2)
            self._runs.labels(record.outcome, record.recipe).observe(record.seconds)
            log.info(json.dumps(asdict(record)))

    def as_text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


def health_route(busy: Callable[[], float]) -> Route:
    """`/healthz`: 200, or 503 if the engine has computed one frame for too long.

    `busy` returns the seconds that the present frame has taken.
    """

    async def health(_: Request) -> JSONResponse:
        seconds = busy()
        alive = seconds < STUCK_SECONDS
        body = {"status": "ok" if alive else "stuck", "busy": round(seconds, 1)}
        return JSONResponse(body, 200 if alive else 503)

    return Route("/healthz", health)


def metrics_route(metrics: Metrics) -> Route:
    """`/metrics`, for Prometheus."""

    async def text(_: Request) -> Response:
        return Response(metrics.as_text(), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", text)
