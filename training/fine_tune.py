"""Learn a plate of the gallery for the network that paints in one pass.

    python -m training.fine_tune PHOTOS PLATE [PLATE ...]

PHOTOS is a folder of some thirty photographs or more. Of the network, only the norms' numbers move,
from where the network has them for the plate: STEPS steps of PARTS parts of photos each, down the
losses of `training.train`. What was found is kept in `nst/data/fine_tuned.safetensors`, in place of
what was known of the plate.
"""

import hashlib
import random
import sys

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.gallery import find_style, load_styles
from nst.network.device import device
from nst.network.shipped import DATA, read_shipped
from nst.network.weights import bundled
from nst.one_pass_network.network import NetworkWeights, cin_parameters, decode
from nst.one_pass_network.styles import FINE_TUNED, NETWORK
from training.data import Photos, TrainingStyle, beside, lesson, photos_in, style_of_plate
from training.losses import Trunk, judged
from training.train import cooled

STEPS, PARTS, SIZE, RATE = 80, 2, 256, 0.02
FILE = DATA / FINE_TUNED[0]


def main(folder: str, *names: str) -> None:
    """Learn one plate after the other."""
    where = device()
    known = {k: x.to(where) for k, x in read_shipped(*NETWORK).items()}
    photos, trunk = photos_in(folder, where), Trunk(bundled(), where)
    for name in names:
        style = style_of_plate(find_style(name, load_styles()), known, trunk)
        _keep(style.told.cpu(), learn(style, photos, known, trunk).cpu())
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
    print(f"SHA-256, for nst/one_pass_network/styles.py: {digest}")


def learn(style: TrainingStyle, photos: Photos, known: NetworkWeights, trunk: Trunk) -> Tensor:
    """How far its norms move, 1 x NORMS."""
    chance, alone = random.Random(0), beside([style])
    before = cin_parameters(style.told, known)
    norms = before.clone().requires_grad_()
    optimizer = torch.optim.Adam([norms], RATE)
    weights = alone.weights.expand(PARTS, -1)
    chosen = torch.zeros(PARTS, dtype=torch.long, device=trunk.where)
    log = []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * cooled(step, STEPS)
        seen = lesson(chance, SIZE, photos, alone, [0] * PARTS)
        painted = decode(seen.photos, norms.expand(PARTS, -1), known)
        loss = judged(painted, seen.wanted, alone.goals.of(chosen), weights, trunk).mean()
        optimizer.zero_grad()
        loss.backward()
        if norms.grad is not None and norms.grad.isfinite().all():
            optimizer.step()
        log.append(loss.item())
    ends = [sum(part) / len(part) for part in (log[: STEPS // 4], log[-STEPS // 4 :])]
    print(f"{style.name}: {ends[0]:.3f} -> {ends[1]:.3f}", flush=True)
    return (norms - before).detach()


def _keep(told: Tensor, change: Tensor) -> None:
    """Put what was learned beside the rest, in place of what was known of the same style."""
    held = load_file(FILE)
    others = (held["fine_tuned.styles"] - told).norm(dim=1) > 1e-2 * told.norm()
    save_file(
        {
            "fine_tuned.styles": torch.cat([held["fine_tuned.styles"][others], told]),
            "fine_tuned.changes": torch.cat([held["fine_tuned.changes"][others], change]),
        },
        FILE,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
