"""Reads the weights in `nst/data`, which are quantised to int8."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load
from torch import Tensor

from nst.errors import InputError

DATA = Path(__file__).parent.parent / "data"

_AGAIN = "it comes with nst: install or check that out once more"


class WeightsError(InputError):
    """A file of weights is missing, damaged or of another network."""


def read_bundled(name: str, digest: str) -> dict[str, Tensor]:
    """Weights and biases of a file in `nst/data` by name, such as "conv1_1.weight"; float32.

    Raises WeightsError as `read_quantised` does.
    """
    return dequantise(read_quantised(name, digest))


def read_quantised(name: str, digest: str) -> dict[str, Tensor]:
    """The tensors of a file in `nst/data` as they are stored: int8 weights, scales and biases.

    `digest` is the beginning of the file's SHA-256, in hexadecimal. Raises WeightsError, which
    names the file, if it is missing or damaged.
    """
    path = DATA / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{str(path)!r} can't be read: {error.strerror}; {_AGAIN}") from None
    if not hashlib.sha256(data).hexdigest().startswith(digest):
        raise WeightsError(f"{str(path)!r} is damaged; {_AGAIN}")
    return load(data)


def dequantise(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Dequantise: int8 weights with a scale for each output channel -> weights in float32.

    Biases pass unchanged.
    """
    return {
        key: value.float() * stored[f"{layer}.scale"][:, None, None, None] if kind == "weight" else value
        for key, value in stored.items()
        for layer, _, kind in [key.rpartition(".")]
        if kind != "scale"
    }
