"""Gram matrices alone beside Gram matrices and matching, at the same cost.

    python -m tests.bench.coherence OUT.jpg PHOTO STYLE [PHOTO STYLE ...]

Two pairs in a row, each as the photo, `--coherence 0` and the default. The first gets as many more
steps as the second costs more, so that both compute for about the same time.

`coherence.jpg` beside this file is the sheet that the default was judged by: eight pairs at 512
pixels, 15 to 25 s each on two cores of an EPYC (Zen 4). Seen in shuffled order without names, the
default was preferred on seven: tower, lion, rocket, astronaut, officer, cat, cheetah. Not on the
pagoda: both see a fish of the mosaic in the far shore, the default more so, and its back beside the
roof.

Other choices tried on four pairs (pagoda in mosaic, officer in linocut, a bridge in broad strokes,
cat in planes), each against the default: coherence 0.3; content weight 0.45; matches renewed every
2, 5 or 15 steps; 8 192 style positions; relu2_1 as a third layer; relu4_1 or relu3_1 alone. What
one sees hardly changes; relu4_1 alone draws forms that are not there, relu2_1 and the larger sample
cost a third and a fifth more. Renewing every 10 steps instead of 5 saves a twentieth of the time.

Photos: tower, lion and cheetah come with Gradio; astronaut, rocket (NASA, SpaceX) and cat with
scikit-image, all in the public domain or CC0; the officer (US Navy) with Matplotlib, public domain;
the pagoda with scikit-learn, by danielbuechele, CC BY 2.0.
"""

import sys
from pathlib import Path

from examples.__main__ import contact_sheet
from nst import Settings, stylize
from nst.gallery import plates
from nst.images import open_image

STEPS = {0.0: 98, 0.5: 94}
"""Matching adds a twenty-fifth to a step."""


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
    contact_sheet(pictures, captions, columns=6).save(out, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:])
