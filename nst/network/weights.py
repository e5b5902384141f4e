"""Where a backbone's numbers come from: a local file, the web, the Hub, or the bundled network.

Nothing here blocks a start: `local()` only reads this machine, `fetch_vgg19()` is for a background
thread. Whatever the source, only the convolutions are kept.
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
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.hub import TIMEOUT, check_reachable
from nst.network.shipped import WeightsError, read_shipped

log = logging.getLogger("nst")

ARCHITECTURES = {"VGG-16": (2, 2, 3, 3, 3), "VGG-19": (2, 2, 4, 4, 4)}
"""Convolutions in each block (Simonyan and Zisserman 2015, configurations D and E)."""

OXFORD_URL = "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth"
OXFORD_SHA256 = "d01eb7cb"
HUB_REPO, HUB_FILE = "timm/vgg19.tv_in1k", "model.safetensors"

_BUNDLED = {
    "vgg16-block5.safetensors": "7018f73e659496612f58652b04ebe690",
    "vgg16-blocks1-4.safetensors": "0f9d4883fc2ffe2eb9fc25bd10f6d8bc",
}
"""The first half of each file's SHA-256."""
_OXFORD = {"mean": [123.68 / 255, 116.779 / 255, 103.939 / 255], "std": [1 / 255] * 3}
_KINDS = ("oxford", "torchvision")
_TORCHVISION = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@dataclass(frozen=True)
class Weights:
    """A trunk's numbers. The input is RGB in 0..1, less `mean`, divided by `std`, per channel.

    `layers` maps `conv1_1` ... to (weight: out x in x 3 x 3, bias: out), float32.
    """

    name: str
    blocks: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layers: dict[str, tuple[Tensor, Tensor]]


def layer_names(blocks: tuple[int, ...]) -> list[str]:
    """The convolutions of an architecture, in order: `conv1_1`, `conv1_2`, `conv2_1`, ..."""
    return [f"conv{b}_{n}" for b, length in enumerate(blocks, 1) for n in range(1, length + 1)]


def bundled() -> Weights:
    """Oxford VGG-16 from `nst/data`.

    Raises WeightsError, which names the file, where one is missing or is not as it was shipped.
    """
    numbers: dict[str, Tensor] = {}
    for name, digest in _BUNDLED.items():
        numbers |= read_shipped(name, digest)
    blocks = ARCHITECTURES["VGG-16"]
    layers = {
        name: (numbers[f"{name}.weight"], numbers[f"{name}.bias"]) for name in layer_names(blocks)
    }
    return Weights("VGG-16", blocks, tuple(_OXFORD["mean"]), tuple(_OXFORD["std"]), layers)


def local(named: Path | None = None) -> Weights:
    """The best network on this machine: the file `named`, one fetched before, the bundled one.

    Raises WeightsError if `named` can't be used. A cache that can't be used costs one log line.
    """
    if named:
        return read(named)
    try:
        cached = [path for kind in _KINDS if (path := _cache_file(kind)).is_file()]
    except (OSError, RuntimeError) as error:  # a folder one may not look into, or no home at all
        log.warning("no network was looked for in the cache: %s", error)
        cached = []
    for path in cached:
        try:
            return read(path)
        except WeightsError as error:
            log.warning("%s; it will be fetched again", error)
            with suppress(OSError):
                path.unlink()
    return bundled()


def fetch_vgg19() -> Weights | None:
    """VGG-19 from the web, verified and cached; None, and one log line, if it is out of reach."""
    failures = []
    for fetch in (_fetch_oxford, _fetch_hub):
        try:
            return fetch()
        # Servers fail in more ways than can be listed, and none of them may cost more than a line.
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}".splitlines()[0][:120])
    log.info("VGG-19 is out of reach, painting goes on with VGG-16 (%s)", "; ".join(failures))
    return None


def read(path: Path) -> Weights:
    """A trunk from a state dict with keys `features.N.weight`, or from a file of our own cache.

    A `.pth` is taken for Oxford's (BGR, 0..255), a `.safetensors` for torchvision's, unless its
    metadata says otherwise.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                told = (file.metadata() or {}).get("nst")
            state, how = load_file(path), json.loads(told) if told else _TORCHVISION
        else:
            state, how = torch.load(path, map_location="cpu", weights_only=True), _OXFORD
        return from_state_dict(state, how, flip=how is _OXFORD)
    except WeightsError as error:
        raise WeightsError(f"{str(path)!r}: {error}") from None
    except FileNotFoundError:
        raise WeightsError(f"no weights at {str(path)!r}") from None
    # What is damaged can raise anything: the formats' own errors have no common ancestor.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise WeightsError(f"{str(path)!r} is not a readable file of weights: {reason}") from None


def from_state_dict(state: dict[str, Tensor], how: dict[str, list[float]], flip: bool) -> Weights:
    """The convolutions of torchvision's numbering; `flip` reorders conv1_1 from BGR to RGB.

    Features come out as large as if pixels were 0..255, whatever the network was trained on: with
    its biases, a network of convolutions and ReLUs scales as its input.
    """
    found = {
        int(m[1]): key for key in state if (m := re.fullmatch(r"features\.(\d+)\.weight", key))
    }
    keys = [found[number].removesuffix(".weight") for number in sorted(found)]
    known = {sum(blocks): (name, blocks) for name, blocks in ARCHITECTURES.items()}
    if len(keys) not in known:
        raise WeightsError(f"{len(keys)} convolutions where VGG-16 has 13 and VGG-19 has 16")
    name, blocks = known[len(keys)]
    scale = 255 * sum(how["std"]) / 3
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
    return Weights(name, blocks, tuple(how["mean"]), tuple(s / scale for s in how["std"]), layers)


def _fetch_oxford() -> Weights:
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        digest = hashlib.sha256()
        with urllib.request.urlopen(OXFORD_URL, timeout=TIMEOUT) as answer:
            while part := answer.read(1 << 20):
                digest.update(part)
                file.write(part)
        file.flush()
        if not digest.hexdigest().startswith(OXFORD_SHA256):
            raise WeightsError(f"what {OXFORD_URL} sent is not the file it names")
        return _cached(read(Path(file.name)), "oxford")


def _fetch_hub() -> Weights:
    if not isinstance(try_to_load_from_cache(HUB_REPO, HUB_FILE), str):
        check_reachable(hf_hub_url(HUB_REPO, HUB_FILE))
    path = Path(hf_hub_download(HUB_REPO, HUB_FILE, etag_timeout=TIMEOUT)).resolve()
    # The Hub's cache names a large file by its SHA-256.
    if re.fullmatch(r"[0-9a-f]{64}", path.name):
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.name:
                raise WeightsError(f"{HUB_FILE} from {HUB_REPO} arrived damaged")
    state = load_file(path)
    return _cached(from_state_dict(state, _TORCHVISION, flip=False), "torchvision")


def _cache_file(kind: str) -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "nst" / f"vgg19-{kind}.safetensors"


def _cached(weights: Weights, kind: str) -> Weights:
    """Keep the convolutions in half precision: 40 MB instead of 574, RGB order."""
    tensors = {}
    for number, (weight, bias) in enumerate(weights.layers.values()):
        tensors[f"features.{number}.weight"] = weight.half().contiguous()
        tensors[f"features.{number}.bias"] = bias
    try:
        path = _cache_file(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        told = json.dumps({"mean": weights.mean, "std": weights.std})
        save_file(tensors, partial, {"nst": told})
        partial.replace(path)
        # What was written, so that this start and the next one paint the same picture.
        return read(path)
    except (OSError, RuntimeError, SafetensorError, WeightsError) as error:
        log.info("VGG-19 is not kept for the next start: %s", error)
        return weights
