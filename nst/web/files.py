"""The files that a browser needs to paint with the one-pass network."""

import hashlib
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save

from nst.network.bundled import read_quantised
from nst.one_pass_network.styles import FINE_TUNED, NETWORK, noise_tile

SCRIPTS = Path(__file__).parent / "scripts"
WEIGHTS = "network.safetensors"


@cache
def scripts() -> dict[str, bytes]:
    """The ES modules, by file name; `painter.js` is the first."""
    return {path.name: path.read_bytes() for path in sorted(SCRIPTS.glob("*.js"))}


@cache
def version() -> str:
    """Another one for other scripts or weights, in 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, data in scripts().items():
        digest.update(name.encode() + b"\0" + data)
    for path in sorted((Path(__file__).parent.parent / "data").glob("*.safetensors")):
        digest.update(path.name.encode() + str(path.stat().st_size).encode())
    return digest.hexdigest()[:16]


@cache
def weights_file() -> bytes:
    """The network's weights as one safetensors file: int8 with a scale for each output channel, and float32.

    The noise is int16. Raises WeightsError if a file of the package is missing or damaged.
    """
    noise = noise_tile(torch.device("cpu"))[0, 0]
    scale = noise.abs().max() / 32767
    tensors = {
        **read_quantised(*NETWORK),
        **read_quantised(*FINE_TUNED),
        "noise.weight": (noise / scale).round().to(torch.int16),
        "noise.scale": scale[None],
    }
    return save(tensors)


def write_files(folder: Path) -> None:
    """Write the scripts and the weights; OSError."""
    for name, data in {**scripts(), WEIGHTS: weights_file()}.items():
        (folder / name).write_bytes(data)
