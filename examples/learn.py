"""Learn the gallery's plates for the network that paints in one pass.

    python -m examples.learn PHOTOS [PLATE ...]

PHOTOS is a folder of some thirty photographs or more. Of the network, only the norms' numbers move,
694 of them for a plate, from where the network has them for it: STEPS pictures each, on the losses
that the painter itself brings down. What was found is kept plate by plate in
`nst/data/learned.safetensors`, and the losses in `tests/bench/learned.csv`; with names, only those
plates are learned anew.
"""

import csv
import hashlib
import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst import Settings
from nst.gallery import Plate, plates
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.shipped import DATA, read_shipped
from nst.network.vgg import Backbone, load_backbone
from nst.onepass.network import NORMS, STYLE, Numbers, norms_of, paint, read_style
from nst.onepass.styles import LEARNED, NETWORK, ready
from nst.optimise.objective import Objective
from nst.optimise.regions import Region
from nst.optimise.targets import without_edge

STEPS, RATE = 80, 0.02
SIZE, CROP = 512, 256
"""Pixels: the longest side that strokes are learned for, and what is seen of it at a time."""

BOLDER = 0.15
"""A draft is there to show the style: it is learned at more than the plate's own strength."""

FILE = DATA / LEARNED[0]
COLOURS = {"total": "black", "content": "royalblue", "style": "orangered"}
LOG = Path(__file__).parent.parent / "tests" / "bench" / "learned.csv"


def main(folder: str, *names: str) -> None:
    """Learn one plate after the other."""
    photos = [fit(open_image(file), SIZE) for file in sorted(Path(folder).iterdir())]
    seen = [to_tensor(photo) for photo in photos if min(photo.size) >= CROP]
    print(f"{len(seen)} photos")
    known, backbone = read_shipped(*NETWORK), load_backbone()
    for plate in plates():
        if plate.name in names or not names:
            style, change, log = learn(plate, seen, known, backbone)
            _keep(style, change)
            _write(plate.name, log)
    draw()
    print(f"SHA-256, for nst/onepass/styles.py: {hashlib.sha256(FILE.read_bytes()).hexdigest()}")


def learn(
    plate: Plate, photos: list[Tensor], known: Numbers, backbone: Backbone
) -> tuple[Tensor, Tensor, list[dict[str, float]]]:
    """What the reader tells of a plate, 1 x STYLE; how far its norms moved, 1 x NORMS; losses."""
    begun = time.perf_counter()
    picture = without_edge(open_image(plate.path))
    strength = min(1.0, plate.settings.get("strength", 0.5) + BOLDER)
    settings = Settings(**{**plate.settings, "size": SIZE, "coherence": 0, "strength": strength})
    with torch.no_grad():
        style = read_style(ready(picture, 1.0), known)
        before = norms_of(style, known)
    norms = before.clone().requires_grad_()
    optimizer = torch.optim.Adam([norms], RATE)
    log = []
    for step, photo in zip(range(STEPS), _crops(photos), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * step / STEPS)) / 2
        painted = paint(photo, norms, known)
        region = [Region([(picture, 1.0)])]
        losses, gradient = Objective(photo, region, SIZE, settings, backbone)(painted.detach())
        optimizer.zero_grad()
        painted.backward(gradient)
        if norms.grad is not None and norms.grad.isfinite().all():
            optimizer.step()
        log.append(losses)
    ends = [sum(row["total"] for row in part) / 20 for part in (log[:20], log[-20:])]
    took = time.perf_counter() - begun
    print(f"{plate.name}: {ends[0]:.3f} -> {ends[1]:.3f} in {took:.0f} s", flush=True)
    return style, (norms - before).detach(), log


def _crops(photos: list[Tensor]) -> Iterator[Tensor]:
    """Parts of photos, mirrored or not, the same at every run."""
    chance = random.Random(0)
    while True:
        photo = chance.choice(photos)
        top, left = (chance.randrange(side - CROP + 1) for side in photo.shape[2:])
        part = photo[:, :, top : top + CROP, left : left + CROP]
        yield (part.flip(3) if chance.random() < 0.5 else part).contiguous()


def _keep(style: Tensor, change: Tensor) -> None:
    """Put what was learned beside the rest, in place of what was known of the same style."""
    held = load_file(FILE) if FILE.exists() else {}
    styles = held.get("learned.styles", torch.zeros(0, STYLE))
    changes = held.get("learned.changes", torch.zeros(0, NORMS))
    others = (styles - style).norm(dim=1) > 1e-3
    save_file(
        {
            "learned.styles": torch.cat([styles[others], style]),
            "learned.changes": torch.cat([changes[others], change]),
        },
        FILE,
    )


def draw() -> None:
    """The losses of all plates over their steps, each the mean of a tenth of the run."""
    with LOG.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(row["plate"] for row in rows))
    cell, gap, columns = 200, 24, 6
    size = (columns * cell, -(-len(names) // columns) * (cell + gap))
    chart = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(chart), ImageFont.load_default(13)
    for place, name in enumerate(names):
        x, y = place % columns * cell, place // columns * (cell + gap)
        pen.text((x + 8, y + 4), name, "black", font)
        for term, colour in COLOURS.items():
            values = [float(row[term]) for row in rows if row["plate"] == name]
            tenth = max(1, len(values) // 10)
            means = [
                sum(part) / len(part)
                for part in (values[k : k + tenth] for k in range(0, len(values), tenth))
            ]
            line = [
                (x + 8 + (cell - 16) * k / max(1, len(means) - 1), y + gap + (cell - 16) * (1 - v))
                for k, v in enumerate(means)
            ]
            pen.line(line, colour, 2)
    chart.save(LOG.with_suffix(".png"))


def _write(name: str, log: list[dict[str, float]]) -> None:
    rows = []
    if LOG.exists():
        with LOG.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["plate"] != name]
    rows += [
        {"plate": name, "step": str(step)} | {k: f"{x:.4f}" for k, x in losses.items()}
        for step, losses in enumerate(log, 1)
    ]
    with LOG.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
