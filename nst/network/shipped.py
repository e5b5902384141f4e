"""The numbers of networks that come with nst, as small as they can be: int8."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load
from torch import Tensor

DATA = Path(__file__).parent.parent / "data"

_AGAIN = "it comes with nst: install or check that out once more"


class WeightsError(ValueError):
    """A file that doesn't hold the network it should; the message says what is wrong with it."""


def read_shipped(name: str, digest: str) -> dict[str, Tensor]:
    """The weights and biases of a file in `nst/data` by name, such as "conv1_1.weight", float32.

    In the file, a weight is int8 with one scale for each output channel. `digest` is what the
    file's SHA-256 begins with. Raises WeightsError, which names the file, where it is missing or is
    not as it was shipped.
    """
    path = DATA / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{str(path)!r} can't be read: {error.strerror}; {_AGAIN}") from None
    if not hashlib.sha256(data).hexdigest().startswith(digest):
        raise WeightsError(f"{str(path)!r} is damaged; {_AGAIN}")
    return decoded(load(data))


def decoded(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights and biases in float32, of weights in int8 with scales."""
    return {
        key: value.float() * stored[f"{layer}.scale"][:, None, None, None]
        if kind == "weight"
        else value
        for key, value in stored.items()
        for layer, _, kind in [key.rpartition(".")]
        if kind != "scale"
    }
