"""Train the network that paints in one pass on what the painter itself brings down.

    python -m examples.train PHOTOS STYLES STATE [STEPS]

PHOTOS and STYLES are folders of pictures. It begins with the network as it is. The painter's
numbers move, and how far the norms of each of the gallery's plates lie from what the network has
for it; the reader of styles stays. A step paints parts of two photos, one in a plate, one in one of
STYLES, and goes down the painter's own losses. What was reached is in the file STATE every
`KEEP` steps, from where the same line goes on, as if there had been no break. At the end the
network and its losses are written to where nst has them.
"""

import csv
import hashlib
import math
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst import Settings
from nst.colour import in_palette
from nst.gallery import plates
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.cache import ByteCache
from nst.network.memory import tune_allocator
from nst.network.shipped import DATA, decoded, read_shipped
from nst.network.vgg import Backbone, load_backbone
from nst.onepass.network import NORMS, Numbers, norms_of, paint, read_style
from nst.onepass.styles import LEARNED, NETWORK, ready
from nst.optimise.objective import Losses, Objective
from nst.optimise.regions import Region
from nst.optimise.targets import fit_style, without_edge

SIZE, CROP = 512, 256
"""Pixels: the longest side that strokes are learned for, and what is seen of it at a time."""

RATE, PLATES_RATE, WARM_UP = 4e-4, 4e-3, 50
"""Adam's rate for the painter's numbers and for a plate's; steps until they are reached."""

STRONGEST_GRADIENT = 1.0

BOLDER = 0.15
"""A draft is there to show the style: it is learned at more than the usual strength."""

HALFWAY = 0.5
"""How far what makes norms of an unknown style goes from where it was to where it was trained to.

Trained on a hundred styles it does worse on others than before; halfway it does better than both
(averaged weights, Wortsman et al. 2022). The plates' norms stay as they were trained.
"""

KEEP = 100
COLOURS = {"plates": "orangered", "others": "royalblue"}
LOG = Path(__file__).parent.parent / "tests" / "bench" / "trained.csv"


@dataclass(frozen=True)
class Style:
    """A picture at the size that it is looked at, what the reader tells of it, and how to paint."""

    name: str
    picture: Image.Image
    told: Tensor
    settings: Settings


@dataclass
class Training:
    """What moves, and what moves it; `began` is where the painter's numbers were at first."""

    began: dict[str, Tensor]
    painter: dict[str, Tensor]
    changes: dict[str, Tensor]
    optimizer: torch.optim.Optimizer
    log: list[dict[str, Any]]


def main(photos: str, styles: str, state: str, steps: str = "4000") -> None:
    """Go on from STATE, or begin, until STEPS are done; then write the network."""
    tune_allocator()
    backbone, known = load_backbone(), read_shipped(*NETWORK)
    backbone.cache = ByteCache(2**30)
    shown = photos_in(photos)
    hung = [
        style_of(plate.name, open_image(plate.path), plate.settings, known) for plate in plates()
    ]
    others = [
        style_of(file.stem, open_image(file), {}, known) for file in sorted(Path(styles).iterdir())
    ]
    print(f"{len(shown)} photos, {len(hung)} plates, {len(others)} other styles", flush=True)
    training = _begin(hung, known)
    if Path(state).exists():
        _take_up(training, Path(state))
    begun, first = time.perf_counter(), len(training.log)
    for step in range(first, int(steps)):
        losses = take_step(training, step, int(steps), shown, hung, others, known, backbone)
        training.log.append({"step": step + 1} | losses)
        if (step + 1) % KEEP == 0 or step + 1 == int(steps):
            _keep(training, Path(state))
            last, each = training.log[-KEEP:], (time.perf_counter() - begun) / (step + 1 - first)
            told = ", ".join(f"{kind} {_mean(last, kind):.4f}" for kind in COLOURS)
            print(f"{step + 1}: {told}, {each:.2f} s a step", flush=True)
    write(training, hung, known)


def take_step(
    training: Training,
    step: int,
    steps: int,
    photos: list[Image.Image],
    hung: list[Style],
    others: list[Style],
    known: Numbers,
    backbone: Backbone,
) -> dict[str, float]:
    """One step down the losses of two pictures; these follow from the step's number alone."""
    chance = random.Random(step)
    share = min(1.0, (step + 1) / WARM_UP) * cooled(step, steps)
    for group in training.optimizer.param_groups:
        group["lr"] = share * group["rate"]
    training.optimizer.zero_grad()
    numbers = {**known, **training.painter}
    found = {}
    for kind, styles in (("plates", hung), ("others", others)):
        style = chance.choice(styles)
        norms = norms_of(style.told, numbers)
        if kind == "plates":
            norms = norms + training.changes[style.name]
        losses, gradient, painted = painted_part(chance, photos, style, norms, numbers, backbone)
        painted.backward(gradient)
        found[kind] = losses["total"]
    moved = [p for group in training.optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(moved, STRONGEST_GRADIENT)
    if norm.isfinite():
        training.optimizer.step()
    return found


def photos_in(folder: str) -> list[Image.Image]:
    """Its pictures, SIZE pixels long."""
    return [fit(open_image(file), SIZE) for file in sorted(Path(folder).iterdir())]


def cooled(step: int, steps: int) -> float:
    """The share of a rate that is left: half a cosine, from 1 to 0."""
    return (1 + math.cos(math.pi * step / steps)) / 2


def painted_part(
    chance: random.Random,
    photos: list[Image.Image],
    style: Style,
    norms: Tensor,
    numbers: Numbers,
    backbone: Backbone,
) -> tuple[Losses, Tensor, Tensor]:
    """A part of a photo in the style: its losses, their gradient, and the picture."""
    photo = chance.choice(photos)
    wanted = in_palette(photo, [(style.picture, 1.0)])
    side = min(*photo.size, chance.randrange(CROP * 3 // 4, CROP * 3 // 2))
    left, top = (chance.randrange(whole - side + 1) for whole in photo.size)
    box = (left, top, left + side, top + side)
    mirrored = chance.random() < 0.5

    def part(image: Image.Image) -> Tensor:
        cut = image.resize((CROP, CROP), Image.Resampling.BICUBIC, box)
        return to_tensor(cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else cut)

    painted = paint(part(photo), norms, numbers)
    region = [Region([(style.picture, 1.0)])]
    objective = Objective(part(wanted), region, SIZE, style.settings, backbone)
    losses, gradient = objective(painted.detach())
    return losses, gradient, painted


def style_of(name: str, image: Image.Image, own: Mapping[str, Any], known: Numbers) -> Style:
    """A picture with its settings, `own` before the usual ones."""
    picture = without_edge(image)
    strength = min(1.0, own.get("strength", 0.5) + BOLDER)
    learned = {"size": SIZE, "style_scale": 1.0, "coherence": 0, "strength": strength}
    settings = Settings(**{**own, **learned})
    with torch.no_grad():
        told = read_style(ready(picture, 1.0), known)
    return Style(name, fit_style(picture, SIZE), told, settings)


def _begin(hung: list[Style], known: Numbers) -> Training:
    before = load_file(DATA / LEARNED[0])
    names = sorted(name for name in known if name.startswith("painter."))
    began = {name: known[name] for name in names}
    painter = {name: x.clone().requires_grad_() for name, x in began.items()}
    changes = {}
    for style in hung:
        away = (before["learned.styles"] - style.told).norm(dim=1)
        nearest = int(away.argmin())
        there = away[nearest] < 1e-2 * style.told.norm()
        change = (
            before["learned.changes"][nearest : nearest + 1] if there else torch.zeros(1, NORMS)
        )
        changes[style.name] = change.clone().requires_grad_()
    optimizer = torch.optim.Adam(
        [
            {"params": list(painter.values()), "rate": RATE},
            {"params": list(changes.values()), "rate": PLATES_RATE},
        ]
    )
    return Training(began, painter, changes, optimizer, [])


def _keep(training: Training, state: Path) -> None:
    """As a whole or not at all."""
    beside = state.with_suffix(".part")
    torch.save(
        {
            "began": training.began,
            "painter": {k: x.detach() for k, x in training.painter.items()},
            "changes": {k: x.detach() for k, x in training.changes.items()},
            "optimizer": training.optimizer.state_dict(),
            "log": training.log,
        },
        beside,
    )
    beside.replace(state)


def _take_up(training: Training, state: Path) -> None:
    kept = torch.load(state, weights_only=True)
    with torch.no_grad():
        for moved, values in ((training.painter, "painter"), (training.changes, "changes")):
            for k, x in moved.items():
                x.copy_(kept[values][k])
    training.began = kept["began"]
    training.optimizer.load_state_dict(kept["optimizer"])
    training.log.extend(kept["log"])


def write(training: Training, hung: list[Style], known: Numbers) -> None:
    """The network in int8 with a scale for each output channel, the plates' norms, the losses."""
    file = DATA / NETWORK[0]
    with safe_open(file, "pt") as opened:
        about = opened.metadata() | {"trained": "the painter's numbers, by examples/train.py"}
    numbers = load_file(file)
    painter = {k: x.detach() for k, x in training.painter.items()}
    for k, x in painter.items():
        layer, _, kind = k.rpartition(".")
        if layer.endswith((".factor", ".shift")):
            x = torch.lerp(training.began[k], x, HALFWAY)
        if kind == "weight":
            scale = x.abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
            numbers[k] = (x / scale[:, None, None, None]).round().to(torch.int8)
            numbers[f"{layer}.scale"] = scale
        else:
            numbers[k] = x.clone()
    save_file(numbers, file, about)
    written, trained = decoded(numbers), {**known, **painter}
    changes = [
        norms_of(style.told, trained)
        + training.changes[style.name].detach()
        - norms_of(style.told, written)
        for style in hung
    ]
    told = torch.cat([style.told for style in hung])
    save_file({"learned.styles": told, "learned.changes": torch.cat(changes)}, DATA / LEARNED[0])
    with LOG.open("w", newline="") as table:
        rows = csv.DictWriter(table, training.log[0])
        rows.writeheader()
        rows.writerows({k: round(x, 4) for k, x in row.items()} for row in training.log)
    draw(training.log).save(LOG.with_suffix(".png"), optimize=True)
    for name, _ in (NETWORK, LEARNED):
        print(f"SHA-256 of {name}: {hashlib.sha256((DATA / name).read_bytes()).hexdigest()}")


def draw(log: list[dict[str, Any]]) -> Image.Image:
    """The losses over the steps, each the mean of a fortieth of the training."""
    width, height, margin = 640, 320, 24
    chart = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(chart), ImageFont.load_default(13)
    each = max(1, len(log) // 40)
    parts = [log[first : first + each] for first in range(0, len(log), each)]
    means = {kind: [_mean(part, kind) for part in parts] for kind in COLOURS}
    top = 1.1 * max(max(values) for values in means.values())
    for row, (kind, values) in enumerate(means.items()):
        told = f"{kind}: {values[0]:.3f} to {values[-1]:.3f} in {len(log)} steps"
        pen.text((2 * margin, 4 + 16 * row), told, COLOURS[kind], font)
        across, down = width - 2 * margin, height - 2 * margin
        line = [
            (
                margin + across * place / max(1, len(values) - 1),
                height - margin - down * value / top,
            )
            for place, value in enumerate(values)
        ]
        pen.line(line, COLOURS[kind], 2)
    pen.line([(margin, margin), (margin, height - margin), (width, height - margin)], "black")
    return chart


def _mean(log: list[dict[str, Any]], kind: str) -> float:
    return sum(row[kind] for row in log) / len(log)


if __name__ == "__main__":
    main(*sys.argv[1:])
