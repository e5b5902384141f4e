"""Remainder of the photo in a painting, window by window.

    python -m benchmarks.painted FOLDER [--preset NAME] [--set NAME=VALUE ...] [--classic]
    python -m benchmarks.painted FOLDER --sheet NAME [NAME ...]

The first line paints twelve pairs at 512 pixels, with the default settings and the style's own, or
with those of the options. Each picture is saved in FOLDER as PHOTO+STYLE.NAME.png; a picture that
exists is not painted again. Prints the median and the 90th percentile over the windows of each
pair, and their medians over all pairs. The second line makes a contact sheet of pictures in FOLDER,
FOLDER/sheet.jpg.

A window is 64 pixels wide and overlaps its neighbours by half. Its descriptor is its Gram matrices
at relu1_1, relu2_1 and relu3_1, each normalised to unit length. The measure of a window is

    (d - d_style) / (d_photo - d_style)

| symbol | distance from the nearest window of the style |
|---|---|
| d | of this window of the painting |
| d_photo | of the same window of the photo |
| d_style | of a window of the style, from those that do not overlap it; the median |

0 is as near to the style as the style is to itself, and 1 is the photo. The 90th percentile is the
worst tenth of the picture. The measure does not replace looking at the pictures: one with nothing
but the style's colours scores 0, too.

`painted.jpg` in this folder shows all pairs with and without the preview in the start image.
`classic.jpg` shows three pairs by the classic loop and by nst.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst import Settings, stylize
from nst.gallery import find_style, load_photos, load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.device import arithmetic_for
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.network.weights import local_weights
from nst.optimise.targets import fit_style, without_edge
from nst.recipes import RECIPES, combine
from nst.sheet import contact_sheet

PAIRS = (
    "tower+swirling_night",  # a building, painterly
    "tower+cubist_table",  # dark, few colours
    "pagoda+woodblock_wave",  # graphic
    "pagoda+linocut_forest",  # monochrome
    "mountains+screaming_sky",  # a landscape
    "mountains+ink_mountains",
    "astronaut+harbour_sunrise",  # a portrait
    "astronaut+gold_spirals",
    "lion+stained_glass",  # an animal, mosaic
    "cheetah1+charcoal_hatching",
    "coffee+circles_in_flight",  # a still life, abstract
    "coffee+mountains",  # a photograph for a style
)
"""Sample photo and style, or photo used as a style. No sample photo shows a group of people."""

SIZE, WINDOW, LAYERS = 512, 64, ("relu1_1", "relu2_1", "relu3_1")

CLASSIC = replace(
    RECIPES["gatys"],
    init="photo",
    content_layers=(("relu4_2", 1.0),),
    content_loss="mean",
    content_weight=5,
    style_layers=tuple((f"relu{block}_1", 4 / width**2) for block, width in enumerate((64, 128, 256, 512, 512), 1)),
    style_weight=100,
    pooling="max",
)
"""The objective of many programs, started from the photo: 5 times the mean of (F - P)^2 at relu4_2,
and 100 times the mean of (G - A)^2 / (N M)^2 at each style layer, with N channels and M positions.
"""


def main() -> None:
    """Paint the pairs that FOLDER lacks and measure all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--classic", action="store_true", help="with CLASSIC instead")
    parser.add_argument("--as", dest="name", help="the pictures' name in FOLDER")
    parser.add_argument("--pairs", nargs="*", default=PAIRS)
    parser.add_argument("--sheet", nargs="+", metavar="NAME")
    options = parser.parse_args()
    if options.sheet:
        named = [(pair, name) for pair in options.pairs for name in options.sheet]
        pictures = [open_image(options.folder / f"{pair}.{name}.png") for pair, name in named]
        captions = [f"{pair}: {name}" for pair, name in named]
        sheet = contact_sheet(pictures, captions, columns=len(options.sheet))
        sheet.save(options.folder / "sheet.jpg", quality=85)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    tune_allocator()
    cpu = torch.device("cpu")
    exact = Backbone(local_weights(), cpu, arithmetic_for(cpu, "float32"))
    painting = load_backbone()
    name = options.name or ("classic" if options.classic else options.preset or "default")
    overrides = dict(pair.split("=") for pair in options.set)
    medians, worst = [], []
    for pair in options.pairs:
        photo, style, settings = pair_request(pair, options.preset, overrides)
        if options.classic:
            settings = CLASSIC
        file, time_text = options.folder / f"{pair}.{name}.png", ""
        if not file.exists():
            started = time.perf_counter()
            *_, frame = stylize(photo, [style], settings, painting)
            frame.image.save(file)
            time_text = f", {time.perf_counter() - started:.0f} s"
        remainder = photo_remainder(open_image(file), photo, style, settings, exact)
        medians.append(float(remainder.quantile(0.5)))
        worst.append(float(remainder.quantile(0.9)))
        print(f"{pair:28} {name:10} {medians[-1]:.2f} / {worst[-1]:.2f}{time_text}", flush=True)
    both = statistics.median(medians), statistics.median(worst)
    print(f"{'medians':28} {name:10} {both[0]:.2f} / {both[1]:.2f}")


def pair_request(
    pair: str, preset: str | None, overrides: dict[str, str]
) -> tuple[Image.Image, Image.Image, Settings]:
    """Photo, style and settings of one of PAIRS."""
    photo, _, style = pair.partition("+")
    own: Mapping[str, Any] = {}
    if style in {photo.name for photo in load_photos()}:
        file = sample(style)
    else:
        entry = find_style(style, load_styles())
        file, own = entry.path, entry.settings
    settings = combine(own=own, preset=preset, overrides=overrides)
    return open_image(sample(photo)), open_image(file), settings


def photo_remainder(
    picture: Image.Image, photo: Image.Image, style: Image.Image, settings: Settings, backbone: Backbone
) -> Tensor:
    """The measure of each window of the picture, described above: N values."""
    fitted = fit_style(without_edge(style), SIZE, settings.style_scale)
    of_style, rows, columns = windows(fitted, backbone)
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    overlap = (places[:, None] - places[None]).abs().amax(2) < 2
    distances = torch.cdist(of_style, of_style).masked_fill(overlap, torch.inf)
    own = distances.amin(1).median()
    now, before = (torch.cdist(windows(fit(image, SIZE), backbone)[0], of_style).amin(1) for image in (picture, photo))
    # The clamp is for parts of the photo that already look like the style.
    return (now - own) / (before - own).clamp(min=0.05)


def windows(image: Image.Image, backbone: Backbone) -> tuple[Tensor, int, int]:
    """Descriptors of all windows, N x (64^2 + 128^2 + 256^2); their rows and columns."""
    grams = []
    with torch.no_grad():
        features = backbone(to_tensor(image), LAYERS)
    for layer in LAYERS:
        x = features[layer]
        side = round(WINDOW * x.shape[3] / image.width)
        cut = F.unfold(x, side, stride=side // 2)[0]
        cut = cut.view(x.shape[1], side * side, -1).permute(2, 0, 1)
        grams.append(F.normalize((cut @ cut.transpose(1, 2)).flatten(1)))
    height, width = (1 + (side - WINDOW) // (WINDOW // 2) for side in (image.height, image.width))
    return torch.cat(grams, 1), height, width


if __name__ == "__main__":
    main()
