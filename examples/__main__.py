"""Make the sample results: `python -m examples` paints into `examples/results`.

A contact sheet of every plate on each of two photos, six favourites, and what strength, colours
and the two questions of the method look like; about twenty minutes on two processor cores. With a
name, only that part: `python -m examples strength`.
"""

import sys
from dataclasses import replace
from typing import Any

from PIL import Image

from nst import RECIPES, OnePass, Settings, stylize
from nst.gallery import EXAMPLES, Style, load_styles, sample
from nst.images import open_image
from nst.network.memory import tune_allocator
from nst.sheet import CELL, contact_sheet

RESULTS = EXAMPLES / "results"
SHEETS = ("lion", "tower")
FAVOURITES = (
    ("tower", "swirling_night"),
    ("lion", "stained_glass"),
    ("cheetah1", "harbour_sunrise"),
    ("tower", "woodblock_wave"),
    ("lion", "screaming_sky"),
    ("cheetah1", "gold_spirals"),
    ("mountains", "swirling_night"),  # what a newcomer to the page sees
)
STEERED = (("lion", "stained_glass"), ("tower", "screaming_sky"), ("cheetah1", "roman_mosaic"))


def main(*parts: str) -> None:
    """Paint everything, or the parts named, one line for each picture."""
    tune_allocator()
    RESULTS.mkdir(exist_ok=True)
    for part in parts or tuple(PARTS):
        PARTS[part]({plate.name: plate for plate in load_styles()})


def favourites(hung: dict[str, Style]) -> None:
    """Seven pairs, large."""
    for photo, name in FAVOURITES:
        painting = paint(photo, hung[name], size=512)
        painting.save(RESULTS / f"{photo}_{name}.jpg", quality=90)


def every_plate(hung: dict[str, Style]) -> None:
    """All plates on each of two photos."""
    for photo in SHEETS:
        paintings = [paint(photo, plate, size=CELL) for plate in hung.values()]
        sheet = contact_sheet(paintings, [plate.title for plate in hung.values()])
        sheet.save(RESULTS / f"every_plate_{photo}.jpg", quality=85)


def at_once(hung: dict[str, Style]) -> None:
    """The same for one photo, each in one pass."""
    photo = sample(SHEETS[0])
    pictures = [OnePass(plate.path, size=CELL)(photo) for plate in hung.values()]
    sheet = contact_sheet(pictures, [plate.title for plate in hung.values()])
    sheet.save(RESULTS / f"at_once_{SHEETS[0]}.jpg", quality=85)


def strength(hung: dict[str, Style]) -> None:
    """Strength in five even steps on three pairs."""
    steps = (0.0, 0.25, 0.5, 0.75, 1.0)
    pictures = [paint(photo, hung[name], size=512, strength=step) for photo, name in STEERED for step in steps]
    captions = [f"strength {step:g}" for step in steps] * len(STEERED)
    contact_sheet(pictures, captions).save(RESULTS / "strength.jpg", quality=85)


def colours(hung: dict[str, Style]) -> None:
    """Whose colours a painting has, on three pairs."""
    pictures, captions = [], []
    for photo, name in STEERED:
        pictures.append(open_image(sample(photo)))
        captions.append("the photo")
        for colour in ("style", "photo", "matched"):
            pictures.append(paint(photo, hung[name], size=512, colour=colour))
            captions.append(f"colours: {colour}")
    contact_sheet(pictures, captions, columns=4).save(RESULTS / "colours.jpg", quality=85)


def questions(hung: dict[str, Style]) -> None:
    """What one layer knows of a photo, and what Gram matrices know of a painting."""
    for recipe, photo, name, layer in (
        ("reconstruct", "lion", "lion_reconstruct", "relu4_2"),
        ("texture", "lion", "swirling_night_texture", ""),
    ):
        settings = replace(RECIPES[recipe], size=384)
        if layer:
            settings = replace(settings, content_layers=f"{layer}=1")  # type: ignore[arg-type]
        styles = [hung["swirling_night"].path] if settings.style_layers else []
        *_, frame = stylize(sample(photo), styles, settings)
        print(f"{recipe}: {frame.seconds:.0f} s", flush=True)
        frame.image.save(RESULTS / f"{name}.jpg", quality=90)


def favicon(hung: dict[str, Style]) -> None:
    """A star of the swirling night."""
    star = open_image(hung["swirling_night"].path).crop(STAR)
    star.resize((96, 96), Image.Resampling.LANCZOS).save(EXAMPLES / "favicon.png", optimize=True)


def card(hung: dict[str, Style]) -> None:
    """What a link to the page looks like in a chat: photo, painting, style."""
    height, width = 630, 1200
    picture = Image.new("RGB", (width, height))
    paintings = [
        open_image(sample("lion")),
        paint("lion", hung["stained_glass"], size=768),
        paint("lion", hung["swirling_night"], size=768),
    ]
    for place, painting in enumerate(paintings):
        whole = painting.resize((height, height))
        part = whole.crop(((height - width // 3) // 2, 0, (height + width // 3) // 2, height))
        picture.paste(part, (place * width // 3, 0))
    picture.save(RESULTS / "card.jpg", quality=88)


STAR = (626, 0, 786, 160)

PARTS = {
    part.__name__: part for part in (favourites, every_plate, at_once, strength, colours, questions, favicon, card)
}


def paint(photo: str, plate: Style, **knobs: Any) -> Image.Image:
    """A sample photo, painted with a plate at the plate's own settings and `knobs`."""
    settings = Settings(**plate.settings | knobs)
    *_, frame = stylize(sample(photo), [plate.path], settings)
    print(f"{photo} after {plate.name}: {frame.seconds:.0f} s", flush=True)
    return frame.image


if __name__ == "__main__":
    main(*sys.argv[1:])
