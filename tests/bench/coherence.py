"""Gram matrices alone beside Gram matrices and matching, at the same cost.

    python -m tests.bench.coherence OUT.jpg PHOTO STYLE [PHOTO STYLE ...]

A row for each pair: the photo, `--coherence 0`, the default. The first gets as many more steps as
the second costs more, so that both compute for about the same time; the seconds are printed.
"""

import sys
from pathlib import Path

from examples.__main__ import contact_sheet
from nst import Settings, stylize
from nst.gallery import plates
from nst.images import open_image

STEPS = {0.0: 94, 0.5: 86}
"""Matching adds a tenth to a step."""


def main(out: str, *pairs: str) -> None:
    """Paint every pair both ways and save the sheet."""
    known = {plate.name: str(plate.path) for plate in plates()}
    pictures, captions = [], []
    for photo, style in zip(pairs[::2], pairs[1::2], strict=True):
        pictures.append(open_image(photo))
        captions.append(f"{Path(photo).stem} + {Path(style).stem}")
        for coherence, steps in STEPS.items():
            settings = Settings(coherence=coherence, steps=steps)
            *_, frame = stylize(photo, [known.get(style, style)], settings)
            pictures.append(frame.image)
            captions.append(f"coherence {coherence:g}: {frame.seconds:.0f} s")
            print(Path(photo).stem, style, captions[-1], flush=True)
    contact_sheet(pictures, captions, columns=3).save(out, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:])
