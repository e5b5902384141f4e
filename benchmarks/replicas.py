"""Pictures a minute with one painter and with two, each with a core of its own.

    python -m benchmarks.replicas [ROUNDS]

Four visitors ask at once, again and again; alternating, so that a noisy machine disturbs both.
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
WISH: dict[str, Any] = {"style": "gold_spirals", "size": 384, "more": "steps=6"}


def main(rounds: int = 2) -> None:
    """Print the table."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count, found in rates.items():
            with tempfile.TemporaryDirectory() as folder, ray_page(Path(folder), count) as page:
                found.append(_rate(page, count, Path(folder)))
                print(f"{count}: {found[-1]:.1f} pictures a minute", flush=True)
    one, two = (statistics.median(found) for found in rates.values())
    print(f"one {one:.1f}, two {two:.1f}: {two / one:.2f} times as many")


def _rate(page: Served, count: int, folder: Path) -> float:
    def paint(client: Client, more: str = WISH["more"]) -> None:
        client.predict(**asked(**WISH | {"more": more}))

    clients = [visitor(page, folder) for _ in range(VISITORS)]
    with ThreadPoolExecutor(VISITORS) as crowd:
        while True:  # until all painters are there, and each has painted
            list(crowd.map(lambda client: paint(client, "steps=1"), clients))
            if len(painters()) == count:
                break
        list(crowd.map(lambda client: paint(client, "steps=1"), clients))
        begun = time.perf_counter()
        list(crowd.map(paint, clients * (PICTURES // VISITORS)))
        return PICTURES / (time.perf_counter() - begun) * 60


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
