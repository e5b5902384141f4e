"""How much of a painting is still the photo, window by window.

    python -m benchmarks.painted FOLDER [--preset NAME] [--set NAME=VALUE ...] [--classic]
    python -m benchmarks.painted FOLDER --sheet NAME [NAME ...]

Paints twelve pairs at 512 pixels with the settings that the options name, else as everybody gets
them (a plate's own best settings), keeps each picture in FOLDER as PHOTO+STYLE.NAME.png and tells
per pair the median and the ninetieth percentile over all windows, and what they are over all pairs.
What is in FOLDER is measured, not painted again. The second line lays pictures of these names side
by side, as FOLDER/sheet.jpg.

A window is 64 pixels wide and overlaps its neighbours by half. It is described by its Gram matrices
at relu1_1, relu2_1 and relu3_1, each at unit length. With d its distance to the nearest window of
the style, at the size that the style is looked at, what is left of the photo in it is

    (d - d_style) / (d_photo - d_style)

where d_photo is the same window's of the photo and d_style the median, over the style's windows, of
the distance to the nearest other one that doesn't overlap it: 0 is as near as the style is to
itself, 1 is the photo. The ninetieth percentile tells of the worst tenth of the picture. The
measure is a compass, not the judge: a picture that drowns in the style's colours is at 0 as well.

`painted.jpg` beside this file shows all pairs from the photo alone, before large forms were taken
from a draft, and now; `classic.jpg` three of them by the classic loop and now.
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
from nst.network.weights import local
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
"""A sample photo and a plate or another photo. There is no group of people among the samples."""

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
"""The loop that many programs have, from the photo: 5 times the mean of (F - P)^2 at relu4_2 and
100 times that of (G - A)^2 / (N M)^2 at each style layer, a Gram matrix of N x N from M positions.
"""


def main() -> None:
    """Paint what is not there yet, measure all of it."""
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
    tune_allocator()
    cpu = torch.device("cpu")
    judging = Backbone(local(), cpu, arithmetic_for(cpu, "float32"))
    painting = load_backbone()
    name = options.name or ("classic" if options.classic else options.preset or "default")
    given = dict(pair.split("=") for pair in options.set)
    medians, worst = [], []
    for pair in options.pairs:
        photo, style, settings = resolve_request(pair, options.preset, given)
        if options.classic:
            settings = CLASSIC
        file, told = options.folder / f"{pair}.{name}.png", ""
        if not file.exists():
            begun = time.perf_counter()
            *_, frame = stylize(photo, [style], settings, painting)
            frame.image.save(file)
            told = f", {time.perf_counter() - begun:.0f} s"
        left = left_of_photo(open_image(file), photo, style, settings, judging)
        medians.append(float(left.quantile(0.5)))
        worst.append(float(left.quantile(0.9)))
        print(f"{pair:28} {name:10} {medians[-1]:.2f} / {worst[-1]:.2f}{told}", flush=True)
    both = statistics.median(medians), statistics.median(worst)
    print(f"{'medians':28} {name:10} {both[0]:.2f} / {both[1]:.2f}")


def resolve_request(pair: str, preset: str | None, given: dict[str, str]) -> tuple[Image.Image, Image.Image, Settings]:
    """Photo, style and settings of one of PAIRS."""
    photo, _, style = pair.partition("+")
    own: Mapping[str, Any] = {}
    if style in {photo.name for photo in load_photos()}:
        file = sample(style)
    else:
        plate = find_style(style, load_styles())
        file, own = plate.path, plate.settings
    settings = combine(own=own, preset=preset, overrides=given)
    return open_image(sample(photo)), open_image(file), settings


def left_of_photo(
    picture: Image.Image, photo: Image.Image, style: Image.Image, settings: Settings, backbone: Backbone
) -> Tensor:
    """What is left of the photo in each window of the picture, as told above: N numbers."""
    fitted = fit_style(without_edge(style), SIZE * settings.style_scale)
    of_style, rows, columns = windows(fitted, backbone)
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    overlap = (places[:, None] - places[None]).abs().amax(2) < 2
    among = torch.cdist(of_style, of_style).masked_fill(overlap, torch.inf)
    own = among.amin(1).median()
    there, before = (
        torch.cdist(windows(fit(image, SIZE), backbone)[0], of_style).amin(1) for image in (picture, photo)
    )
    # A part of the photo may look like the style as it is.
    return (there - own) / (before - own).clamp(min=0.05)


def windows(image: Image.Image, backbone: Backbone) -> tuple[Tensor, int, int]:
    """Every window's Gram matrices, N x (64^2 + 128^2 + 256^2), and how many rows and columns."""
    grams = []
    with torch.no_grad():
        found = backbone(to_tensor(image), LAYERS)
    for layer in LAYERS:
        x = found[layer]
        side = round(WINDOW * x.shape[3] / image.width)
        cut = F.unfold(x, side, stride=side // 2)[0]
        cut = cut.view(x.shape[1], side * side, -1).permute(2, 0, 1)
        grams.append(F.normalize((cut @ cut.transpose(1, 2)).flatten(1)))
    height, width = (1 + (side - WINDOW) // (WINDOW // 2) for side in (image.height, image.width))
    return torch.cat(grams, 1), height, width


if __name__ == "__main__":
    main()
