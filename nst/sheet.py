"""A contact sheet: many pictures in one."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

CELL, CAPTION = 320, 26  # pixels on the side of a picture, and the height of its caption


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 5) -> Image.Image:
    """The pictures in rows, each cropped to a square of CELL pixels, with captions below."""
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
