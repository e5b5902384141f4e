"""Train the decoder of the one-pass network on the optimiser's losses.

    python -m training.train PHOTOS STYLES STATE [STEPS]

PHOTOS and STYLES are folders of pictures, STATE a checkpoint file. The network in the repository
took 143 photos, 131 styles and 7021 steps: eleven minutes on an H200. On a CPU it takes days.

Training starts from the network in `nst/data` and from its fine-tuned parameters; without that file
they start at 0. It changes the decoder's weights, and the offsets of the CIN parameters of the
built-in styles. The style encoder stays as it is. A step paints crops of photos, half of them in
built-in styles and half in those of STYLES. If the program is interrupted, the same command line
continues from STATE with the same result. At the end the network is written to `nst/data`, and the
losses to `benchmarks/trained.csv` and `benchmarks/trained.png`.
"""

import csv
import hashlib
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
from nst.network.bundled import DATA, dequantise
from nst.network.device import default_device
from nst.network.isolation import isolated
from nst.network.memory import tune_allocator
from nst.network.weights import bundled_weights
from nst.one_pass_network.network import CIN_SIZE, Weights, cin_parameters, decode, fold_decoder
from nst.one_pass_network.styles import FINE_TUNED, NETWORK
from nst.optimise.optimizers import cosine_decay
from training.data import (
    Photos,
    Styles,
    TrainingStyle,
    built_in_style,
    make_batch,
    read_photos,
    read_styles,
    stack_styles,
)
from training.losses import BatchBackbone, painting_losses

SIZES = {256: 24, 384: 12}
"""Side of the crops in pixels, and their number in a step; the steps alternate between them."""

RATE, OFFSETS_RATE, WARM_UP = 1e-3, 4e-3, 100
"""Adam's rates for the decoder and for the offsets; steps until they are reached."""

MAX_GRADIENT_NORM = 1.0

CONSISTENCY_WEIGHT = 3.0
"""Weight of the mean squared difference between a painting and that of the shifted crop where they
overlap. It reduces flicker in videos."""

KEPT, KEPT_IN_CIN_LAYERS = 0.8, 0.7
"""Weight of the trained weights in their average with the initial ones, and in the layers that
predict CIN parameters. The average (Wortsman et al. 2022) does better on faces and unseen styles.
"""

KEPT_IN_STYLES = {"screaming_sky": 0.6, "pointillist_park": 0.65, "marbled_paper": 0.6, "linocut_forest": 0.55}
"""The same for the CIN parameters of styles whose forms would cover a face; of others, KEPT."""

SAVE_INTERVAL = 500  # steps between two checkpoints
LOG_INTERVAL = 50  # steps between two rows of the table of losses
COLOURS = {"built-in": "orangered", "other": "royalblue"}
LOG = Path(__file__).parent.parent / "benchmarks" / "trained.csv"


@dataclass
class Training:
    """The state of a training run.

    initial: the values of decoder and offsets before training.
    offsets: of the CIN parameters of the built-in styles, S x CIN_SIZE.
    """

    initial: dict[str, Tensor]
    decoder: dict[str, Tensor]
    offsets: Tensor
    optimizer: torch.optim.Optimizer
    log: list[dict[str, float]]


@isolated
def main(photos: str, styles: str, state: str, steps: str = "7000") -> None:
    """Train until STEPS are done, from STATE if it exists; then write the network."""
    tune_allocator()
    device = default_device()
    weights = {k: x.to(device) for k, x in dequantise(load_file(DATA / NETWORK[0])).items()}
    backbone = BatchBackbone(bundled_weights(), device)
    photo_set = read_photos(photos, device)
    built_in = [built_in_style(style, weights, backbone) for style in load_styles()]
    style_set = stack_styles([*built_in, *read_styles(styles, weights, backbone)])
    others = len(style_set.embeddings) - len(built_in)
    print(f"{len(photo_set.sizes)} photos, {len(built_in)} built-in styles, {others} other styles", flush=True)
    # From here on all pictures have SIZES: let cuDNN search the fastest algorithm for each once.
    torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = True
    training = _start(built_in, weights)
    if Path(state).exists():
        _load(training, Path(state), device)
    started, first, rows = time.perf_counter(), len(training.log), []
    for step in range(first, int(steps)):
        options = photo_set, style_set, len(built_in), weights, backbone
        rows.append(take_step(training, step, int(steps), *options))
        if (step + 1) % SAVE_INTERVAL == 0 or step + 1 == int(steps):
            training.log.extend(_log_rows(rows, len(training.log)))
            rows = []
            _save(training, Path(state))
            last = training.log[-SAVE_INTERVAL:]
            seconds = (time.perf_counter() - started) / (step + 1 - first)
            means = ", ".join(f"{k} {_mean(last, k):.4f}" for k in (*COLOURS, "consistency"))
            print(f"{step + 1}: {means}, {seconds:.4f} s a step", flush=True)
    write(training, built_in)


def take_step(
    training: Training,
    step: int,
    steps: int,
    photos: Photos,
    styles: Styles,
    built_in: int,
    weights: Weights,
    backbone: BatchBackbone,
) -> Tensor:
    """One step of Adam on crops and styles that depend on the step's number alone.

    The first `built_in` styles are the built-in ones. Returns three means for the log: the losses
    in built-in and in other styles, and the consistency loss.
    """
    rng = random.Random(step)
    share = min(1.0, (step + 1) / WARM_UP) * cosine_decay(step, steps)
    for group in training.optimizer.param_groups:
        group["lr"] = share * group["rate"]
    size, count = list(SIZES.items())[step % len(SIZES)]
    half = count // 2
    chosen = [rng.randrange(built_in) for _ in range(half)]
    chosen += [rng.randrange(built_in, len(styles.embeddings)) for _ in range(count - half)]
    current = {**weights, **training.decoder}
    folded = fold_decoder(current)
    indices = torch.tensor(chosen, device=backbone.device)
    offsets = torch.cat([training.offsets, training.offsets.new_zeros(1, CIN_SIZE)])
    cin = cin_parameters(styles.embeddings[indices], current)
    cin = cin + offsets[indices.clamp(max=built_in)]

    batch = make_batch(rng, size, photos, styles, chosen)
    paintings, shifted = (decode(x, cin, folded) for x in (batch.photos, batch.shifted))
    right, down = batch.shift
    consistency = F.mse_loss(paintings[:, :, down:, right:], shifted[:, :, : size - down, : size - right])
    targets, loss_weights = styles.targets.select(indices), styles.weights[indices]
    losses = painting_losses(paintings, batch.recoloured, targets, loss_weights, backbone)
    training.optimizer.zero_grad()
    (losses.mean() + CONSISTENCY_WEIGHT * consistency).backward()
    trained = [p for group in training.optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(trained, MAX_GRADIENT_NORM)
    if norm.isfinite():
        training.optimizer.step()
    return torch.stack([losses[:half].mean(), losses[half:].mean(), consistency]).detach()


def _start(built_in: list[TrainingStyle], weights: Weights) -> Training:
    names = sorted(name for name in weights if name.startswith("decoder."))
    initial = {name: weights[name] for name in names}
    decoder = {name: x.clone().requires_grad_() for name, x in initial.items()}
    offsets = torch.zeros(len(built_in), CIN_SIZE)
    if (DATA / FINE_TUNED[0]).exists():
        saved = load_file(DATA / FINE_TUNED[0])
        for row, style in zip(offsets, built_in, strict=True):
            embedding = style.embedding.cpu()
            distances = (saved["fine_tuned.embeddings"] - embedding).norm(dim=1)
            if distances.min() < 1e-2 * embedding.norm():
                row.copy_(saved["fine_tuned.offsets"][distances.argmin()])
    offsets = offsets.to(built_in[0].embedding.device).requires_grad_()
    optimizer = torch.optim.Adam(
        [{"params": list(decoder.values()), "rate": RATE}, {"params": [offsets], "rate": OFFSETS_RATE}]
    )
    initial = initial | {"offsets": offsets.detach().clone()}
    return Training(initial=initial, decoder=decoder, offsets=offsets, optimizer=optimizer, log=[])


def _log_rows(results: list[Tensor], before: int) -> list[dict[str, float]]:
    """Rows of the log for the results of some steps.

    They are read together: reading them after each step would make the CPU wait for the GPU.
    """
    rows = torch.stack(results).tolist()
    return [
        {"step": step, "built-in": built_in, "other": other, "consistency": consistency}
        for step, (built_in, other, consistency) in enumerate(rows, before + 1)
    ]


def _save(training: Training, state: Path) -> None:
    """Write the checkpoint atomically."""
    part = state.with_suffix(".part")
    torch.save(
        {
            "initial": training.initial,
            "decoder": {k: x.detach() for k, x in training.decoder.items()},
            "offsets": training.offsets.detach(),
            "optimizer": training.optimizer.state_dict(),
            "log": training.log,
        },
        part,
    )
    part.replace(state)


def _load(training: Training, state: Path, device: torch.device) -> None:
    saved = torch.load(state, map_location=device, weights_only=True)
    with torch.no_grad():
        for k, x in training.decoder.items():
            x.copy_(saved["decoder"][k])
        training.offsets.copy_(saved["offsets"])
    training.initial = saved["initial"]
    training.optimizer.load_state_dict(saved["optimizer"])
    training.log.extend(saved["log"])


def write(training: Training, built_in: list[TrainingStyle]) -> None:
    """Write the network, the built-in styles' offsets, and the table and chart of the losses."""
    initial = {k: x.cpu() for k, x in training.initial.items()}
    trained = {k: x.detach().cpu() for k, x in training.decoder.items()}
    network = _write_network(initial, trained)
    embeddings = torch.cat([style.embedding for style in built_in]).cpu()
    shares = torch.tensor([[KEPT_IN_STYLES.get(style.name, KEPT)] for style in built_in])
    before = cin_parameters(embeddings, initial) + initial["offsets"]
    after = cin_parameters(embeddings, trained) + training.offsets.detach().cpu()
    offsets = torch.lerp(before, after, shares) - cin_parameters(embeddings, dequantise(network))
    tensors = {"fine_tuned.embeddings": embeddings, "fine_tuned.offsets": offsets}
    save_file(tensors, DATA / FINE_TUNED[0])
    with LOG.open("w", newline="") as table:
        rows = csv.DictWriter(table, training.log[0])
        rows.writeheader()
        kept = [row for row in training.log if row["step"] % LOG_INTERVAL == 0]
        rows.writerows({k: round(x, 5) for k, x in row.items()} for row in kept)
    draw(training.log).save(LOG.with_suffix(".png"), optimize=True)
    for name, _ in (NETWORK, FINE_TUNED):
        print(f"SHA-256 of {name}: {hashlib.sha256((DATA / name).read_bytes()).hexdigest()}")


def _write_network(initial: dict[str, Tensor], trained: dict[str, Tensor]) -> dict[str, Tensor]:
    """Write the averaged weights as int8 with a scale for each output channel."""
    file = DATA / NETWORK[0]
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata() | {"trained": "the decoder's weights, by training/train.py"}
    tensors = load_file(file)
    for k, x in trained.items():
        layer, _, kind = k.rpartition(".")
        predicts_cin = layer.endswith((".factor", ".shift"))
        averaged = torch.lerp(initial[k], x, KEPT_IN_CIN_LAYERS if predicts_cin else KEPT)
        if kind == "weight":
            scale = averaged.abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
            tensors[k] = (averaged / scale[:, None, None, None]).round().to(torch.int8)
            tensors[f"{layer}.scale"] = scale
        else:
            tensors[k] = averaged
    save_file(tensors, file, metadata)
    return tensors


def draw(log: list[dict[str, Any]]) -> Image.Image:
    """A chart of the losses; each point is the mean of a fortieth of the training."""
    width, height, margin = 640, 320, 24
    chart = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(chart), ImageFont.load_default(13)
    length = max(1, len(log) // 40)
    parts = [log[first : first + length] for first in range(0, len(log), length)]
    means = {kind: [_mean(part, kind) for part in parts] for kind in COLOURS}
    top = 1.1 * max(max(values) for values in means.values())
    for row, (kind, values) in enumerate(means.items()):
        text = f"{kind} styles: {values[0]:.3f} to {values[-1]:.3f} in {log[-1]['step']} steps"
        pen.text((2 * margin, 4 + 16 * row), text, COLOURS[kind], font)
        x_scale, y_scale = width - 2 * margin, height - 2 * margin
        line = [
            (margin + x_scale * index / max(1, len(values) - 1), height - margin - y_scale * value / top)
            for index, value in enumerate(values)
        ]
        pen.line(line, COLOURS[kind], 2)
    pen.line([(margin, margin), (margin, height - margin), (width, height - margin)], "black")
    return chart


def _mean(log: list[dict[str, Any]], kind: str) -> float:
    return sum(row[kind] for row in log) / len(log)


if __name__ == "__main__":
    main(*sys.argv[1:])
