"""Make the pictures of the documentation: `python -m examples [PART ...]`.

It paints into `examples/results`, in about twenty minutes on two cores. A part is the name of a
function in PARTS: `python -m examples strength`.
"""

import sys
from dataclasses import replace
from typing import Any

from PIL import Image

from nst import RECIPES, OnePass, Settings, stylize
from nst.gallery import EXAMPLES, Style, load_styles, sample
from nst.images import fit, open_image
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
    ("mountains", "swirling_night"),  # the page shows it to new visitors
)
BANDS = "swirling_night", "screaming_sky", "stained_glass"
STEERED = (("lion", "stained_glass"), ("tower", "screaming_sky"), ("cheetah1", "roman_mosaic"))


def main(*parts: str) -> None:
    """Paint all parts, or the named ones, and print one line for each picture."""
    tune_allocator()
    RESULTS.mkdir(exist_ok=True)
    for part in parts or tuple(PARTS):
        PARTS[part]({style.name: style for style in load_styles()})


def favourites(styles: dict[str, Style]) -> None:
    """Seven pairs at 512 pixels."""
    for photo, name in FAVOURITES:
        painting = paint(photo, styles[name], size=512)
        painting.save(RESULTS / f"{photo}_{name}.jpg", quality=90)


def every_style(styles: dict[str, Style]) -> None:
    """Two contact sheets, each of one photo in every style."""
    for photo in SHEETS:
        paintings = [paint(photo, style, size=CELL) for style in styles.values()]
        sheet = contact_sheet(paintings, [style.title for style in styles.values()])
        sheet.save(RESULTS / f"every_style_{photo}.jpg", quality=85)


def one_pass(styles: dict[str, Style]) -> None:
    """The contact sheet of one photo by the one-pass network."""
    photo = sample(SHEETS[0])
    pictures = [OnePass(style.path, size=CELL)(photo) for style in styles.values()]
    sheet = contact_sheet(pictures, [style.title for style in styles.values()])
    sheet.save(RESULTS / f"one_pass_{SHEETS[0]}.jpg", quality=85)


def strength(styles: dict[str, Style]) -> None:
    """Strength in five even steps on three pairs."""
    steps = (0.0, 0.25, 0.5, 0.75, 1.0)
    pictures = [paint(photo, styles[name], size=512, strength=step) for photo, name in STEERED for step in steps]
    captions = [f"strength {step:g}" for step in steps] * len(STEERED)
    contact_sheet(pictures, captions).save(RESULTS / "strength.jpg", quality=85)


def colours(styles: dict[str, Style]) -> None:
    """Colours of the photo, of the style, and matched, on three pairs."""
    pictures, captions = [], []
    for photo, name in STEERED:
        pictures.append(open_image(sample(photo)))
        captions.append("the photo")
        for colour in ("style", "photo", "matched"):
            pictures.append(paint(photo, styles[name], size=512, colour=colour))
            captions.append(f"colours: {colour}")
    contact_sheet(pictures, captions, columns=4).save(RESULTS / "colours.jpg", quality=85)


def questions(styles: dict[str, Style]) -> None:
    """A photo from the features of one layer, and a style from Gram matrices alone."""
    for recipe, photo, name, layer in (
        ("reconstruct", "lion", "lion_reconstruct", "relu4_2"),
        ("texture", "lion", "swirling_night_texture", ""),
    ):
        settings = replace(RECIPES[recipe], size=384)
        if layer:
            settings = replace(settings, content_layers=f"{layer}=1")  # type: ignore[arg-type]
        paths = [styles["swirling_night"].path] if settings.style_layers else []
        *_, frame = stylize(sample(photo), paths, settings)
        print(f"{recipe}: {frame.seconds:.0f} s", flush=True)
        frame.image.save(RESULTS / f"{name}.jpg", quality=90)


def recipes(styles: dict[str, Style]) -> None:
    """One pair by the default and by the methods of three papers."""
    names = {"atelier": "default", "strotss": "strotss", "nnst": "nnst", "cnnmrf": "cnnmrf"}
    pictures = []
    for name in names:
        settings = replace(RECIPES[name], size=384, effort="normal" if name == "atelier" else "quick")
        *_, frame = stylize(sample("lion"), [styles["swirling_night"].path], settings)
        print(f"{name}: {frame.seconds:.0f} s", flush=True)
        pictures.append(frame.image)
    contact_sheet(pictures, list(names.values()), columns=4).save(RESULTS / "recipes.jpg", quality=80)


def favicon(styles: dict[str, Style]) -> None:
    """A star of the style Swirling Night."""
    star = open_image(styles["swirling_night"].path).crop(STAR)
    star.resize((96, 96), Image.Resampling.LANCZOS).save(EXAMPLES / "favicon.png", optimize=True)


def card(styles: dict[str, Style]) -> None:
    """The preview of a link to the page: a photo and two paintings of it."""
    height, width = 630, 1200
    picture = Image.new("RGB", (width, height))
    paintings = [
        open_image(sample("lion")),
        paint("lion", styles["stained_glass"], size=768),
        paint("lion", styles["swirling_night"], size=768),
    ]
    for column, painting in enumerate(paintings):
        square = painting.resize((height, height))
        part = square.crop(((height - width // 3) // 2, 0, (height + width // 3) // 2, height))
        picture.paste(part, (column * width // 3, 0))
    picture.save(RESULTS / "card.jpg", quality=88)


def bands(styles: dict[str, Style]) -> None:
    """A photo in vertical bands, as it is and by the one-pass network: the static site shows it to new visitors."""
    picture = fit(open_image(sample("pagoda")), 960)
    for band, name in enumerate(BANDS, 1):
        painting = OnePass(styles[name].path, size=960, strength=0.4)(sample("pagoda"))
        left = picture.width * band // (len(BANDS) + 1)
        picture.paste(painting.crop((left, 0, *picture.size)), (left, 0))
    picture.save(RESULTS / "bands.jpg", quality=90)


STAR = (626, 0, 786, 160)

PARTS = {
    part.__name__: part
    for part in (favourites, every_style, one_pass, strength, colours, questions, recipes, favicon, card, bands)
}


def paint(photo: str, style: Style, **changes: Any) -> Image.Image:
    """A sample photo in a style, with the style's own settings and `changes`."""
    settings = Settings(**style.settings | changes)
    *_, frame = stylize(sample(photo), [style.path], settings)
    print(f"{photo} after {style.name}: {frame.seconds:.0f} s", flush=True)
    return frame.image


if __name__ == "__main__":
    main(*sys.argv[1:])
