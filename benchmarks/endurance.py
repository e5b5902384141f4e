"""Many runs in a row: memory and files stay as they are.

python -m benchmarks.endurance [RUNS]
"""

import sys
import tempfile
from pathlib import Path

from nst.gallery import load_styles, sample
from tests.attacks.stranger import Stranger, sent
from tests.serving import served

SIZES = 96, 128, 160


def main(runs: int = 200) -> None:
    """Print memory and files after every twentieth run."""
    limits = {"NST_VISITOR_MB": "1"}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), **limits) as app:
        visitor = Stranger(app)
        photo = sent(visitor.upload(sample("lion").read_bytes(), "lion.jpg"))
        styles = [plate.name for plate in load_styles()]
        for number in range(1, runs + 1):
            style, size = styles[number % len(styles)], SIZES[number % len(SIZES)]
            told = visitor.paint(photo, style=style, size=size, more="steps=4")
            assert "event: complete" in told, told
            if number == 10 or number % 20 == 0:
                files = [file for file in Path(folder).rglob("*") if file.is_file()]
                size_mb = sum(file.stat().st_size for file in files) / 1e6
                print(
                    f"after {number}: {visitor.memory():.0f} MB of memory, {len(files)} files of {size_mb:.1f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
