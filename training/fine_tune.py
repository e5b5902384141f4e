"""Fine-tune the one-pass network for a built-in style.

    python -m training.fine_tune PHOTOS STYLE [STYLE ...]

PHOTOS is a folder with thirty photographs or more, and STYLE the id of a built-in style. It takes
one minute a style on two CPU cores with AMX, and two to three minutes on others.

Only the CIN parameters of the style are optimised, from those that the network predicts: STEPS
steps with CROPS crops of photos each, on the losses of `training.train`. The result replaces the
style's entry in `nst/data/fine_tuned.safetensors`. Write the file's new SHA-256, which is printed,
into `nst/one_pass_network/styles.py`.
"""

import hashlib
import random
import sys

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.gallery import find_style, load_styles
from nst.network.bundled import DATA, read_bundled
from nst.network.device import default_device
from nst.network.isolation import isolated
from nst.network.memory import tune_allocator
from nst.network.weights import bundled_weights
from nst.one_pass_network.network import Weights, cin_parameters, decode, fold_decoder
from nst.one_pass_network.styles import FINE_TUNED, NETWORK
from nst.optimise.optimizers import cosine_decay
from training.data import Photos, TrainingStyle, built_in_style, make_batch, read_photos, stack_styles
from training.losses import BatchBackbone, painting_losses

STEPS, CROPS, SIZE, RATE = 80, 2, 256, 0.02
FILE = DATA / FINE_TUNED[0]


@isolated
def main(folder: str, *names: str) -> None:
    """Fine-tune one style after the other."""
    tune_allocator()
    device = default_device()
    weights = {k: x.to(device) for k, x in read_bundled(*NETWORK).items()}
    photos, backbone = read_photos(folder, device), BatchBackbone(bundled_weights(), device)
    for name in names:
        style = built_in_style(find_style(name, load_styles()), weights, backbone)
        _save(style.embedding.cpu(), fine_tune(style, photos, weights, backbone).cpu())
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
    print(f"SHA-256, for nst/one_pass_network/styles.py: {digest}")


def fine_tune(style: TrainingStyle, photos: Photos, weights: Weights, backbone: BatchBackbone) -> Tensor:
    """Offsets of the style's CIN parameters, 1 x CIN_SIZE."""
    rng, styles = random.Random(0), stack_styles([style])
    before = cin_parameters(style.embedding, weights)
    cin = before.clone().requires_grad_()
    optimizer = torch.optim.Adam([cin], RATE)
    folded = fold_decoder(weights)
    loss_weights = styles.weights.expand(CROPS, -1)
    chosen = torch.zeros(CROPS, dtype=torch.long, device=backbone.device)
    log = []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * cosine_decay(step, STEPS)
        batch = make_batch(rng, SIZE, photos, styles, [0] * CROPS)
        paintings = decode(batch.photos, cin.expand(CROPS, -1), folded)
        targets = styles.targets.select(chosen)
        loss = painting_losses(paintings, batch.recoloured, targets, loss_weights, backbone).mean()
        optimizer.zero_grad()
        loss.backward()
        if cin.grad is not None and cin.grad.isfinite().all():
            optimizer.step()
        log.append(loss.item())
    ends = [sum(part) / len(part) for part in (log[: STEPS // 4], log[-STEPS // 4 :])]
    print(f"{style.name}: {ends[0]:.3f} -> {ends[1]:.3f}", flush=True)
    return (cin - before).detach()


def _save(embedding: Tensor, offsets: Tensor) -> None:
    """Add the offsets to the file, in place of those of the same style."""
    saved = load_file(FILE)
    embeddings = saved["fine_tuned.embeddings"]
    others = (embeddings - embedding).norm(dim=1) > 1e-2 * embedding.norm()
    save_file(
        {
            "fine_tuned.embeddings": torch.cat([embeddings[others], embedding]),
            "fine_tuned.offsets": torch.cat([saved["fine_tuned.offsets"][others], offsets]),
        },
        FILE,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
