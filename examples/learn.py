"""Learn a plate of the gallery for the network that paints in one pass.

    python -m examples.learn PHOTOS PLATE [PLATE ...]

PHOTOS is a folder of some thirty photographs or more. Of the network, only the norms' numbers move,
694 of them for a plate, from where the network has them for it: STEPS pictures each, on the losses
that the painter itself brings down. What was found is kept in `nst/data/learned.safetensors`, in
place of what was known of the plate.
"""

import hashlib
import random
import sys

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from examples.train import Style, cooled, painted_part, photos_in, style_of
from nst.gallery import find_plate, plates
from nst.images import open_image
from nst.network.memory import tune_allocator
from nst.network.shipped import DATA, read_shipped
from nst.network.vgg import Backbone, load_backbone
from nst.onepass.network import Numbers, norms_of
from nst.onepass.styles import LEARNED, NETWORK

STEPS, RATE = 80, 0.02
FILE = DATA / LEARNED[0]


def main(folder: str, *names: str) -> None:
    """Learn one plate after the other."""
    tune_allocator()
    backbone, known = load_backbone(), read_shipped(*NETWORK)
    photos = photos_in(folder)
    for name in names:
        plate = find_plate(name, plates())
        style = style_of(name, open_image(plate.path), plate.settings, known)
        _keep(style.told, learn(style, photos, known, backbone))
    print(f"SHA-256, for nst/onepass/styles.py: {hashlib.sha256(FILE.read_bytes()).hexdigest()}")


def learn(style: Style, photos: list[Image.Image], known: Numbers, backbone: Backbone) -> Tensor:
    """How far its norms move, 1 x NORMS."""
    chance = random.Random(0)
    before = norms_of(style.told, known)
    norms = before.clone().requires_grad_()
    optimizer = torch.optim.Adam([norms], RATE)
    log = []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * cooled(step, STEPS)
        losses, gradient, painted = painted_part(chance, photos, style, norms, known, backbone)
        optimizer.zero_grad()
        painted.backward(gradient)
        if norms.grad is not None and norms.grad.isfinite().all():
            optimizer.step()
        log.append(losses["total"])
    ends = [sum(part) / len(part) for part in (log[: STEPS // 4], log[-STEPS // 4 :])]
    print(f"{style.name}: {ends[0]:.3f} -> {ends[1]:.3f}", flush=True)
    return (norms - before).detach()


def _keep(told: Tensor, change: Tensor) -> None:
    """Put what was learned beside the rest, in place of what was known of the same style."""
    held = load_file(FILE)
    others = (held["learned.styles"] - told).norm(dim=1) > 1e-3
    save_file(
        {
            "learned.styles": torch.cat([held["learned.styles"][others], told]),
            "learned.changes": torch.cat([held["learned.changes"][others], change]),
        },
        FILE,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
