"""Train the network that paints in one pass on what the painter itself brings down.

    python -m training.train PHOTOS STYLES STATE [STEPS]

PHOTOS and STYLES are folders of pictures. It begins with the network as it is, and with what was
learned of plates, unless that file is gone. The painter's numbers move, and how far the norms of
each of the gallery's plates lie from what the network has for it; the reader of styles stays. A
step paints parts of photos, half of them in plates, half in what is in STYLES, and goes down the
painter's own losses. What was reached is in the file STATE now and again, from where the same line
goes on, as if there had been no break. At the end the network and its losses are written to where
nst has them. Made for a GPU; anything else takes days.
"""

import csv
import hashlib
import math
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.gallery import load_styles
from nst.network.device import device
from nst.network.shipped import DATA, decoded
from nst.network.weights import bundled
from nst.one_pass_network.network import CIN_SIZE, NetworkWeights, cin_parameters, decode
from nst.one_pass_network.styles import FINE_TUNED, NETWORK
from training.data import Photos, Styles, TrainingStyle, beside, lesson, others_in, photos_in, style_of_plate
from training.losses import Trunk, judged

SIZES = {256: 24, 384: 12}
"""Pixels on the side of a part, and how many such parts are painted in a step; taken in turn."""

RATE, PLATES_RATE, WARM_UP = 1e-3, 4e-3, 100
"""Adam's rate for the painter's numbers and for a plate's; steps until they are reached."""

STRONGEST_GRADIENT = 1.0

STEADY = 3.0
"""Weight of the squared difference between a painting and its neighbour's, where they overlap: so
much less flickers in films."""

KEPT, KEPT_IN_NORMS = 0.8, 0.7
"""How much of the way that the painter's numbers went is kept, and what makes norms of a style.

Averaged with what they began as (Wortsman et al. 2022) they hold on to faces, and do better on
styles that they have not seen.
"""

KEPT_OF_PLATES = {"screaming_sky": 0.6, "pointillist_park": 0.65, "marbled_paper": 0.6, "linocut_forest": 0.55}
"""Of the norms of plates whose forms would cover a face."""

SAVED_EVERY = 500
COLOURS = {"plates": "orangered", "others": "royalblue"}
LOG = Path(__file__).parent.parent / "benchmarks" / "trained.csv"


@dataclass
class Training:
    """What moves, and what moves it; `began` is where all that was at first."""

    began: dict[str, Tensor]
    painter: dict[str, Tensor]
    changes: Tensor
    optimizer: torch.optim.Optimizer
    log: list[dict[str, float]]


def main(photos: str, styles: str, state: str, steps: str = "7000") -> None:
    """Go on from STATE, or begin, until STEPS are done; then write the network."""
    where = device()
    known = {k: x.to(where) for k, x in decoded(load_file(DATA / NETWORK[0])).items()}
    trunk = Trunk(bundled(), where)
    shown = photos_in(photos, where)
    hung = [style_of_plate(plate, known, trunk) for plate in load_styles()]
    taught = beside([*hung, *others_in(styles, known, trunk)])
    others = len(taught.told) - len(hung)
    print(f"{len(shown.sizes)} photos, {len(hung)} plates, {others} other styles", flush=True)
    # From here on all pictures are of SIZES: the fastest way with each is looked for once.
    torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = True
    training = _begin(hung, known)
    if Path(state).exists():
        _take_up(training, Path(state), where)
    begun, first, waiting = time.perf_counter(), len(training.log), []
    for step in range(first, int(steps)):
        waiting.append(take_step(training, step, int(steps), shown, taught, len(hung), known, trunk))
        if (step + 1) % SAVED_EVERY == 0 or step + 1 == int(steps):
            training.log.extend(_told(waiting, len(training.log)))
            waiting = []
            _keep(training, Path(state))
            last, each = (training.log[-SAVED_EVERY:], (time.perf_counter() - begun) / (step + 1 - first))
            told = ", ".join(f"{kind} {_mean(last, kind):.4f}" for kind in (*COLOURS, "steady"))
            print(f"{step + 1}: {told}, {each:.4f} s a step", flush=True)
    write(training, hung)


def take_step(
    training: Training,
    step: int,
    steps: int,
    photos: Photos,
    styles: Styles,
    hung: int,
    known: NetworkWeights,
    trunk: Trunk,
) -> Tensor:
    """One step down the losses of some pictures, which follow from the step's number alone.

    The first `hung` styles are the plates. The answer is the means of what is in a row of the log.
    """
    chance = random.Random(step)
    share = min(1.0, (step + 1) / WARM_UP) * cooled(step, steps)
    for group in training.optimizer.param_groups:
        group["lr"] = share * group["rate"]
    size, count = list(SIZES.items())[step % len(SIZES)]
    half = count // 2
    chosen = [chance.randrange(hung) for _ in range(half)]
    chosen += [chance.randrange(hung, len(styles.told)) for _ in range(count - half)]
    numbers = {**known, **training.painter}
    places = torch.tensor(chosen, device=trunk.where)
    learned = torch.cat([training.changes, training.changes.new_zeros(1, CIN_SIZE)])
    norms = cin_parameters(styles.told[places], numbers) + learned[places.clamp(max=hung)]

    seen = lesson(chance, size, photos, styles, chosen)
    painted, neighbours = (decode(x, norms, numbers) for x in (seen.photos, seen.neighbours))
    right, down = seen.shift
    steady = F.mse_loss(painted[:, :, down:, right:], neighbours[:, :, : size - down, : size - right])
    weights = styles.weights[places]
    losses = judged(painted, seen.wanted, styles.goals.of(places), weights, trunk)
    training.optimizer.zero_grad()
    (losses.mean() + STEADY * steady).backward()
    moved = [p for group in training.optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(moved, STRONGEST_GRADIENT)
    if norm.isfinite():
        training.optimizer.step()
    return torch.stack([losses[:half].mean(), losses[half:].mean(), steady]).detach()


def cooled(step: int, steps: int) -> float:
    """The share of a rate that is left: half a cosine, from 1 to 0."""
    return (1 + math.cos(math.pi * step / steps)) / 2


def _begin(hung: list[TrainingStyle], known: NetworkWeights) -> Training:
    names = sorted(name for name in known if name.startswith("decoder."))
    began = {name: known[name] for name in names}
    painter = {name: x.clone().requires_grad_() for name, x in began.items()}
    changes = torch.zeros(len(hung), CIN_SIZE)
    if (DATA / FINE_TUNED[0]).exists():
        before = load_file(DATA / FINE_TUNED[0])
        for place, style in zip(changes, hung, strict=True):
            told = style.told.cpu()
            away = (before["fine_tuned.styles"] - told).norm(dim=1)
            if away.min() < 1e-2 * told.norm():
                place.copy_(before["fine_tuned.changes"][away.argmin()])
    changes = changes.to(hung[0].told.device).requires_grad_()
    optimizer = torch.optim.Adam(
        [{"params": list(painter.values()), "rate": RATE}, {"params": [changes], "rate": PLATES_RATE}]
    )
    return Training(began | {"changes": changes.detach().clone()}, painter, changes, optimizer, [])


def _told(waiting: list[Tensor], before: int) -> list[dict[str, float]]:
    """Rows of the log, once all are known: a GPU is not waited for at every step."""
    rows = torch.stack(waiting).tolist()
    return [
        {"step": step, "plates": plates, "others": others, "steady": steady}
        for step, (plates, others, steady) in enumerate(rows, before + 1)
    ]


def _keep(training: Training, state: Path) -> None:
    """As a whole or not at all."""
    beside = state.with_suffix(".part")
    torch.save(
        {
            "began": training.began,
            "painter": {k: x.detach() for k, x in training.painter.items()},
            "changes": training.changes.detach(),
            "optimizer": training.optimizer.state_dict(),
            "log": training.log,
        },
        beside,
    )
    beside.replace(state)


def _take_up(training: Training, state: Path, where: torch.device) -> None:
    kept = torch.load(state, map_location=where, weights_only=True)
    with torch.no_grad():
        for k, x in training.painter.items():
            x.copy_(kept["painter"][k])
        training.changes.copy_(kept["changes"])
    training.began = kept["began"]
    training.optimizer.load_state_dict(kept["optimizer"])
    training.log.extend(kept["log"])


def write(training: Training, hung: list[TrainingStyle]) -> None:
    """The network in int8 with a scale for each output channel, the plates' norms, the losses."""
    file = DATA / NETWORK[0]
    with safe_open(file, "pt") as opened:
        about = opened.metadata() | {"trained": "the painter's numbers, by training/train.py"}
    numbers = load_file(file)
    began = {k: x.cpu() for k, x in training.began.items()}
    trained = {k: x.detach().cpu() for k, x in training.painter.items()}
    for k, x in trained.items():
        layer, _, kind = k.rpartition(".")
        is_norm = layer.endswith((".factor", ".shift"))
        kept = torch.lerp(began[k], x, KEPT_IN_NORMS if is_norm else KEPT)
        if kind == "weight":
            scale = kept.abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
            numbers[k] = (kept / scale[:, None, None, None]).round().to(torch.int8)
            numbers[f"{layer}.scale"] = scale
        else:
            numbers[k] = kept
    save_file(numbers, file, about)
    told = torch.cat([style.told for style in hung]).cpu()
    shares = torch.tensor([[KEPT_OF_PLATES.get(style.name, KEPT)] for style in hung])
    before = cin_parameters(told, began) + began["changes"]
    after = cin_parameters(told, trained) + training.changes.detach().cpu()
    changes = torch.lerp(before, after, shares) - cin_parameters(told, decoded(numbers))
    save_file({"fine_tuned.styles": told, "fine_tuned.changes": changes}, DATA / FINE_TUNED[0])
    with LOG.open("w", newline="") as table:
        rows = csv.DictWriter(table, training.log[0])
        rows.writeheader()
        rows.writerows({k: round(x, 5) for k, x in row.items()} for row in training.log)
    draw(training.log).save(LOG.with_suffix(".png"), optimize=True)
    for name, _ in (NETWORK, FINE_TUNED):
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
            (margin + across * place / max(1, len(values) - 1), height - margin - down * value / top)
            for place, value in enumerate(values)
        ]
        pen.line(line, COLOURS[kind], 2)
    pen.line([(margin, margin), (margin, height - margin), (width, height - margin)], "black")
    return chart


def _mean(log: list[dict[str, Any]], kind: str) -> float:
    return sum(row[kind] for row in log) / len(log)


if __name__ == "__main__":
    main(*sys.argv[1:])
