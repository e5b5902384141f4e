"""Pictures per minute with one Ray Serve replica and with two, each on one core.

    python -m benchmarks.replicas [ROUNDS]

Four visitors paint at once. Rounds with one and with two alternate, so that other load on the
machine affects both.
"""

import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gradio_client import Client

from tests.deploy.ray_page import asked, painters, ray_page, visitor
from tests.serving import Served

VISITORS, PICTURES = 4, 20
OPTIONS: dict[str, Any] = {"style": "gold_spirals", "size": 384, "more": "steps=6"}


def main(rounds: int = 2) -> None:
    """Print the rate of each round and the medians."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count, measured in rates.items():
            with tempfile.TemporaryDirectory() as folder, ray_page(Path(folder), count) as page:
                measured.append(_rate(page, count, Path(folder)))
                print(f"{count}: {measured[-1]:.1f} pictures per minute", flush=True)
    one, two = (statistics.median(measured) for measured in rates.values())
    print(f"one {one:.1f}, two {two:.1f}: {two / one:.2f} times as many")


def _rate(page: Served, count: int, folder: Path) -> float:
    def paint(client: Client, more: str = OPTIONS["more"]) -> None:
        client.predict(**asked(**OPTIONS | {"more": more}))

    clients = [visitor(page, folder) for _ in range(VISITORS)]
    with ThreadPoolExecutor(VISITORS) as crowd:
        while True:  # until all replicas run and each has painted
            list(crowd.map(lambda client: paint(client, "steps=1"), clients))
            if len(painters()) == count:
                break
        list(crowd.map(lambda client: paint(client, "steps=1"), clients))
        started = time.perf_counter()
        list(crowd.map(paint, clients * (PICTURES // VISITORS)))
        return PICTURES / (time.perf_counter() - started) * 60


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
