"""Use the package: `python -m examples.stylize PHOTO STYLE OUT.png`."""

import sys

import nst


def main(photo: str, style: str, out: str) -> None:
    """Paint a photo in the style of a picture, and print the losses on the way."""
    for frame in nst.stylize(photo, [style], nst.Settings(size=512, strength=0.6)):
        print(f"{frame.step}/{frame.steps}", f"{frame.losses['total']:.4f}")
    frame.image.save(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
