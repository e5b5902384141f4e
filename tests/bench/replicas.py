"""Pictures a minute with one painter and with two, each with a core of its own.

    python -m tests.bench.replicas

Four visitors ask at once, again and again; alternating, so that a noisy machine disturbs both.
"""

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.deploy.ray_page import RayPage, asked, ray_page

VISITORS, PICTURES, ROUNDS = 4, 12, 2
WISH = {"style": "gold_spirals", "size": 160, "more": "steps=24"}


def main() -> None:
    """Print the table."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for painters, found in rates.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                ray_page(Path(folder), painters) as page,
            ):
                found.append(_rate(page, painters, Path(folder)))
                print(f"{painters}: {found[-1]:.1f} pictures a minute", flush=True)
    one, two = (statistics.median(found) for found in rates.values())
    print(f"one {one:.1f}, two {two:.1f}: {two / one:.2f} times as many")


def _rate(page: RayPage, painters: int, folder: Path) -> float:
    def visit(_: int) -> None:
        page.client(folder).predict(**asked(**WISH))

    with ThreadPoolExecutor(VISITORS) as crowd:
        while True:  # until all painters are there, and each has painted
            list(crowd.map(visit, range(VISITORS)))
            if len(page.painters()) == painters:
                break
        list(crowd.map(visit, range(VISITORS)))
        begun = time.perf_counter()
        list(crowd.map(visit, range(PICTURES)))
        return PICTURES / (time.perf_counter() - begun) * 60


if __name__ == "__main__":
    main()
