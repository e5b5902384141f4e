"""A process that opens broken pictures: `python -m tests.attacks.fuzz_images FIRST COUNT FOLDER`.

It has little memory and, for each picture, little time. What it prints at the end, as JSON, is what
went wrong and how often pictures were opened, refused, or too large for its memory. Case N is the
same each time.
"""

import faulthandler
import json
import resource
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from PIL import Image

from nst.images import MAX_PIXELS, MIN_SIDE, ImageError, open_cutout, open_image, open_mask, upright_size
from nst.service.uploads import Uploads

from .mutation import mutated, seeds

MEMORY = 1_500_000_000
"""Bytes beside what the process starts with."""

PATIENCE = 5.0
"""Seconds of the processor for one call; a wait that needs none ends with the process."""


class Late(BaseException):
    """Past all that catches exceptions."""


def case(number: int) -> tuple[str, bytes]:
    """The kind of a broken picture and its bytes."""
    chance, sound = Random(number), seeds()
    kind = list(sound)[number % len(sound)]
    return kind, mutated(chance, sound[kind], list(sound.values()))


def _opened(file: Path) -> None:
    image, size = open_image(file), upright_size(file)
    assert image.mode == "RGB"
    assert image.size == size
    _check_size(size)


def _masked(file: Path) -> None:
    assert open_mask(file).mode == "L"


def _cut_out(file: Path) -> None:
    colour, opaque = open_cutout(file, least=32)
    assert colour.mode == "RGB"
    assert opaque is None or (opaque.mode, opaque.size) == ("L", colour.size)


def _measured(file: Path) -> None:
    _check_size(upright_size(file))


def _displayed(file: Path) -> None:
    upload = Uploads(file.parent, []).photo({"path": str(file)})
    assert upload
    if upload.display != upload.path:
        with Image.open(upload.display) as image:
            assert image.format == "PNG"
        shutil.rmtree(upload.display.parent)


def _check_size(size: tuple[int, int]) -> None:
    assert min(size) >= MIN_SIDE
    assert size[0] * size[1] <= MAX_PIXELS


CALLS: tuple[Callable[[Path], None], ...] = (_opened, _masked, _cut_out, _measured, _displayed)


def _outcome(call: Callable[[Path], None], file: Path) -> str:
    """In a word, or where it went wrong."""
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        call(file)
    except ImageError as error:
        return "too large" if "more memory" in str(error) else "refused"
    except BaseException as error:
        return "".join(traceback.format_exception(error, limit=-6))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "opened"


def _late(number: int, frame: FrameType | None) -> None:
    raise Late


def main(first: int, count: int, folder: Path) -> dict[str, Any]:
    """Open so many pictures, and tell what became of them."""
    signal.signal(signal.SIGPROF, _late)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    outcomes: Counter[str] = Counter()
    wrong = []
    for number in range(first, first + count):
        kind, data = case(number)
        print(number, kind, flush=True)  # the last one, where the process breaks down
        file = folder / "picture"
        file.write_bytes(data)
        for call in CALLS:
            outcome = _outcome(call, file)
            if outcome not in {"opened", "refused", "too large"}:
                wrong.append(f"{number} {kind} {call.__name__}: {outcome}")
                outcome = "wrong"
            outcomes[outcome] += 1
    status = Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return {"wrong": wrong, "outcomes": outcomes, "peak_mb": int(peak) // 1024}


if __name__ == "__main__":
    faulthandler.enable()
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
