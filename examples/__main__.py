"""Make the sample results: `python -m examples` paints into `examples/results`.

A contact sheet of every plate on each of two photos, and six favourites; about a quarter of an
hour on two processor cores.
"""

from pathlib import Path

import gradio as gr
from PIL import Image, ImageDraw, ImageFont

from nst import Settings, stylize
from nst.gallery import EXAMPLES, Plate, plates

RESULTS = EXAMPLES / "results"
SHEETS = ("lion.jpg", "tower.jpg")
FAVOURITES = (
    ("tower.jpg", "swirling_night"),
    ("lion.jpg", "stained_glass"),
    ("cheetah1.jpg", "harbour_sunrise"),
    ("tower.jpg", "woodblock_wave"),
    ("lion.jpg", "screaming_sky"),
    ("cheetah1.jpg", "gold_spirals"),
)
CELL, CAPTION = 320, 26


def main() -> None:
    """Paint everything, one line for each picture."""
    RESULTS.mkdir(exist_ok=True)
    hung = plates()
    named = {plate.name: plate for plate in hung}
    for photo, name in FAVOURITES:
        painting = paint(photo, named[name], 512)
        painting.save(RESULTS / f"{Path(photo).stem}_{name}.jpg", quality=90)
    for photo in SHEETS:
        paintings = [paint(photo, plate, CELL) for plate in hung]
        sheet = contact_sheet(paintings, [plate.title for plate in hung])
        sheet.save(RESULTS / f"every_plate_{Path(photo).stem}.jpg", quality=85)


def paint(photo: str, plate: Plate, size: int) -> Image.Image:
    """A photo that Gradio ships, painted with a plate at the plate's own settings."""
    settings = Settings(**{"size": size} | plate.settings)
    *_, frame = stylize(gr.get_image(photo), [plate.path], settings)
    print(f"{photo} after {plate.name}: {frame.seconds:.0f} s", flush=True)
    return frame.image


def contact_sheet(
    pictures: list[Image.Image], captions: list[str], columns: int = 5
) -> Image.Image:
    """The pictures in rows, each cut to a square of CELL pixels over its caption."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * CELL, rows * (CELL + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = number % columns * CELL, number // columns * (CELL + CAPTION)
        scale = CELL / min(picture.size)
        whole = picture.resize([round(side * scale) for side in picture.size])
        left, top = (whole.width - CELL) // 2, (whole.height - CELL) // 3
        sheet.paste(whole.crop((left, top, left + CELL, top + CELL)), (x, y))
        draw.text((x + 6, y + CELL + 4), caption, "black", font)
    return sheet


if __name__ == "__main__":
    main()
