"""Sources of the VGG weights: a local file, the web, the Hugging Face Hub, or the bundled network.

`local_weights()` reads this machine only and never blocks a start. `fetch_vgg19()` downloads, so it belongs in a
background thread. Only the convolutions are kept.
"""

import hashlib
import json
import logging
import os
import re
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.config import cache_folder
from nst.hub import TIMEOUT, check_reachable
from nst.network.bundled import WeightsError, read_bundled

log = logging.getLogger("nst")

ARCHITECTURES = {"VGG-16": (2, 2, 3, 3, 3), "VGG-19": (2, 2, 4, 4, 4)}
"""Number of convolutions in each block (Simonyan and Zisserman 2015, configurations D and E)."""

OXFORD_URL = "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth"
OXFORD_SHA256 = "d01eb7cb"
HUB_REPO, HUB_FILE = "timm/vgg19.tv_in1k", "model.safetensors"

_BUNDLED = {
    "vgg16-block5.safetensors": "7018f73e659496612f58652b04ebe690",
    "vgg16-blocks1-4.safetensors": "0f9d4883fc2ffe2eb9fc25bd10f6d8bc",
}
"""Files, with the first half of their SHA-256."""
_OXFORD = {"mean": [123.68 / 255, 116.779 / 255, 103.939 / 255], "std": [1 / 255] * 3}
_KINDS = ("oxford", "torchvision")
_TORCHVISION = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@dataclass(frozen=True)
class Weights:
    """Weights of a VGG, whose input is (RGB in 0..1 - mean) / std, per channel.

    `layers` maps `conv1_1` ... to (weight: outputs x inputs x 3 x 3, bias: outputs), float32.
    """

    name: str
    blocks: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layers: dict[str, tuple[Tensor, Tensor]]


def layer_names(blocks: tuple[int, ...]) -> list[str]:
    """Names of the convolutions, in order: `conv1_1`, `conv1_2`, `conv2_1`, ..."""
    return [f"conv{b}_{n}" for b, length in enumerate(blocks, 1) for n in range(1, length + 1)]


def bundled_weights() -> Weights:
    """The Oxford VGG-16 in `nst/data`.

    Raises WeightsError, which names the file, if one is missing or damaged.
    """
    tensors: dict[str, Tensor] = {}
    for name, digest in _BUNDLED.items():
        tensors |= read_bundled(name, digest)
    blocks = ARCHITECTURES["VGG-16"]
    layers = {name: (tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in layer_names(blocks)}
    return Weights("VGG-16", blocks, tuple(_OXFORD["mean"]), tuple(_OXFORD["std"]), layers)


def local_weights(path: Path | None = None) -> Weights:
    """The best weights on this machine: the file at `path`, else a cached VGG-19, else VGG-16.

    Raises WeightsError if the file at `path` can't be used. An unusable cache only logs a line.
    """
    if path:
        return read_file(path)
    try:
        cached = [path for kind in _KINDS if (path := _cache_file(kind)).is_file()]
    except (OSError, RuntimeError) as error:  # an unreadable folder, or no home directory
        log.warning("no network was looked for in the cache: %s", error)
        cached = []
    for file in cached:
        try:
            return read_file(file)
        except WeightsError as error:
            log.warning("%s; it will be fetched again", error)
            with suppress(OSError):
                file.unlink()
    return bundled_weights()


def fetch_vgg19() -> Weights | None:
    """Download VGG-19, verify and cache it; None, and one log line, if that fails."""
    failures = []
    for fetch in (_fetch_oxford, _fetch_hub):
        try:
            return fetch()
        # Servers fail in too many ways to list, and no failure may do more than log a line.
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}".splitlines()[0][:120])
    log.info("VGG-19 is out of reach, painting goes on with VGG-16 (%s)", "; ".join(failures))
    return None


def read_file(path: Path) -> Weights:
    """Weights from a state dict with keys `features.N.weight`, or from a file of our cache.

    A `.pth` is read as Oxford's (BGR, 0..255), a `.safetensors` as torchvision's, unless its metadata has another
    normalisation. Raises WeightsError, which names the file.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                metadata = (file.metadata() or {}).get("nst")
            normalisation = json.loads(metadata) if metadata else _TORCHVISION
            return from_state_dict(load_file(path), normalisation, flip=False)
        state = torch.load(path, map_location="cpu", weights_only=True)
        return from_state_dict(state, _OXFORD, flip=True)
    except WeightsError as error:
        raise WeightsError(f"{str(path)!r}: {error}") from None
    except FileNotFoundError:
        raise WeightsError(f"no weights at {str(path)!r}") from None
    # Damaged files raise all kinds of exceptions, which have no common base class.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise WeightsError(f"{str(path)!r} is not a readable file of weights: {reason}") from None


def from_state_dict(state: dict[str, Tensor], normalisation: dict[str, list[float]], flip: bool) -> Weights:
    """The convolutions of a state dict with torchvision's numbering.

    `normalisation` has "mean" and "std" of the input. `flip` reorders conv1_1 from BGR to RGB.

    Features are scaled as if pixels were in 0..255, whatever the network was trained on: together with its biases, a
    network of convolutions and ReLUs scales as its input. Raises WeightsError for another number of convolutions,
    another shape, or numbers that are not finite.
    """
    by_number = {int(m[1]): key for key in state if (m := re.fullmatch(r"features\.(\d+)\.weight", key))}
    keys = [by_number[number].removesuffix(".weight") for number in sorted(by_number)]
    architectures = {sum(blocks): (name, blocks) for name, blocks in ARCHITECTURES.items()}
    if len(keys) not in architectures:
        raise WeightsError(f"{len(keys)} convolutions where VGG-16 has 13 and VGG-19 has 16")
    name, blocks = architectures[len(keys)]
    mean, std = tuple(normalisation["mean"]), normalisation["std"]
    scale = 255 * sum(std) / 3
    layers, channels = {}, 3
    for layer, key in zip(layer_names(blocks), keys, strict=True):
        width = 64 * 2 ** min(int(layer[4]) - 1, 3)
        weight, bias = state[f"{key}.weight"].float(), state[f"{key}.bias"].float()
        if weight.shape != (width, channels, 3, 3) or bias.shape != (width,):
            raise WeightsError(f"{key} has the shape {tuple(weight.shape)}, not that of {layer}")
        if not (weight.isfinite().all() and bias.isfinite().all()):
            raise WeightsError(f"{key} holds numbers that are not finite")
        if flip and layer == "conv1_1":
            weight = weight.flip(1)
        layers[layer], channels = (weight, bias * scale), width
    return Weights(name, blocks, mean, tuple(s / scale for s in std), layers)


def _fetch_oxford() -> Weights:
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        digest = hashlib.sha256()
        with urllib.request.urlopen(OXFORD_URL, timeout=TIMEOUT) as response:
            while part := response.read(1 << 20):
                digest.update(part)
                file.write(part)
        file.flush()
        if not digest.hexdigest().startswith(OXFORD_SHA256):
            raise WeightsError(f"what {OXFORD_URL} sent is not the file it names")
        return _save_to_cache(read_file(Path(file.name)), "oxford")


def _fetch_hub() -> Weights:
    from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache  # takes a fifth of a second

    if not isinstance(try_to_load_from_cache(HUB_REPO, HUB_FILE), str):
        check_reachable(hf_hub_url(HUB_REPO, HUB_FILE))
    path = Path(hf_hub_download(HUB_REPO, HUB_FILE, etag_timeout=TIMEOUT)).resolve()
    # The Hub's cache uses the SHA-256 of a large file as its name.
    if re.fullmatch(r"[0-9a-f]{64}", path.name):
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.name:
                raise WeightsError(f"{HUB_FILE} from {HUB_REPO} arrived damaged")
    state = load_file(path)
    return _save_to_cache(from_state_dict(state, _TORCHVISION, flip=False), "torchvision")


def _cache_file(kind: str) -> Path:
    return cache_folder() / f"vgg19-{kind}.safetensors"


def _save_to_cache(weights: Weights, kind: str) -> Weights:
    """Cache the convolutions in half precision (40 MB instead of 574) and return them as cached.

    If the cache can't be written, log a line and return `weights`.
    """
    tensors = {}
    for number, (weight, bias) in enumerate(weights.layers.values()):
        tensors[f"features.{number}.weight"] = weight.half().contiguous()
        tensors[f"features.{number}.bias"] = bias
    try:
        path = _cache_file(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        normalisation = json.dumps({"mean": weights.mean, "std": weights.std})
        save_file(tensors, partial, {"nst": normalisation})
        partial.replace(path)
        # Rounded as they are in the file, so that the next start paints the same picture.
        return read_file(path)
    except (OSError, RuntimeError, SafetensorError, WeightsError) as error:
        log.info("VGG-19 is not kept for the next start: %s", error)
        return weights
