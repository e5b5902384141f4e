"""Sources of VGG-19, with a local server in place of the web and the Hub."""

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save
from torch import Tensor

from nst.network import bundled, weights

from ..conftest import Files


def _state(blocks: tuple[int, ...]) -> dict[str, Tensor]:
    """A state dict of the right shapes, numbered as torchvision does, with a classifier to drop."""
    state, channels, number = {"classifier.0.weight": torch.ones(2, 2)}, 3, 0
    generator = torch.Generator().manual_seed(0)
    for block, length in enumerate(blocks, 1):
        width = 64 * 2 ** min(block - 1, 3)
        for _ in range(length):
            shape = (width, channels, 3, 3)
            state[f"features.{number}.weight"] = torch.randn(shape, generator=generator) * 0.02
            state[f"features.{number}.bias"] = torch.zeros(width)
            channels, number = width, number + 2
        number += 1
    return state


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return _state(weights.ARCHITECTURES["VGG-19"])


HUB_PATH = "/timm/vgg19.tv_in1k/resolve/main/model.safetensors"


def _pth(state: dict[str, Tensor], path: Path) -> bytes:
    torch.save(state, path)
    return path.read_bytes()


def test_oxfords_file_is_verified_converted_to_rgb_and_cached(
    hub: Files, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = hub["/vgg19.pth"] = _pth(state, tmp_path / "a.pth")
    monkeypatch.setattr(weights, "OXFORD_SHA256", hashlib.sha256(data).hexdigest()[:8])
    fetched = weights.fetch_vgg19()
    assert fetched is not None
    assert (fetched.name, len(fetched.layers)) == ("VGG-19", 16)
    assert fetched.mean == pytest.approx((0.48502, 0.45796, 0.40760), abs=1e-5)
    first = fetched.layers["conv1_1"][0]
    assert torch.allclose(first, state["features.0.weight"].flip(1), atol=1e-4)
    hub.clear()  # from now on only the cache is available
    again = weights.local_weights()
    assert all(torch.equal(again.layers[k][0], fetched.layers[k][0]) for k in fetched.layers)
    (file,) = (tmp_path / "cache" / "nst").iterdir()
    assert file.stat().st_size < 45e6


def test_a_file_with_another_digest_is_replaced_by_the_hubs(
    hub: Files, state: dict[str, Tensor], tmp_path: Path
) -> None:
    hub["/vgg19.pth"] = _pth(state, tmp_path / "a.pth")  # another SHA-256 than expected
    hub[HUB_PATH] = save(state)
    hub["etag"] = hashlib.sha256(hub[HUB_PATH]).hexdigest().encode()
    fetched = weights.fetch_vgg19()
    assert fetched is not None
    # The channels keep their ratio; features are scaled like Oxford's.
    assert [255 * 0.226 * std for std in fetched.std] == pytest.approx([0.229, 0.224, 0.225])
    first = fetched.layers["conv1_1"][0]
    assert torch.allclose(first, state["features.0.weight"], atol=1e-4)
    assert weights.local_weights().name == "VGG-19"


def test_a_damaged_file_from_the_hub_is_not_used(
    hub: Files, state: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    hub[HUB_PATH] = save(state)
    hub["etag"] = hashlib.sha256(b"something else").hexdigest().encode()
    with caplog.at_level(logging.INFO, "nst"):
        assert weights.fetch_vgg19() is None
    assert "arrived damaged" in caplog.text
    assert weights.local_weights().name == "VGG-16"


def test_a_failed_download_logs_one_line(
    monkeypatch: pytest.MonkeyPatch, hub: Files, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(weights, "OXFORD_URL", "http://127.0.0.1:9/vgg19.pth")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    with caplog.at_level(logging.INFO):
        assert weights.fetch_vgg19() is None
    assert len(caplog.records) == 1
    assert "out of reach" in caplog.text


def test_a_file_of_the_caller_has_priority(hub: Files, state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    _pth(state, path)
    assert weights.local_weights(path).name == "VGG-19"
    with pytest.raises(weights.WeightsError, match="no weights at"):
        weights.local_weights(tmp_path / "gone.pth")


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk"])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "gone.pth"])
def test_an_unreadable_file_is_reported_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    if name != "gone.pth":
        (tmp_path / name).write_bytes(content)
    with pytest.raises(weights.WeightsError, match=name):
        weights.read_file(tmp_path / name)


def test_wrong_shapes_and_numbers_are_rejected(state: dict[str, Tensor]) -> None:
    normalisation = {"mean": [0.5] * 3, "std": [1.0] * 3}
    with pytest.raises(weights.WeightsError, match="15 convolutions"):
        short = {key: value for key, value in state.items() if not key.startswith("features.0.")}
        weights.from_state_dict(short, normalisation, flip=False)
    with pytest.raises(weights.WeightsError, match="has the shape"):
        bad = state | {"features.0.weight": torch.zeros(64, 3, 5, 5)}
        weights.from_state_dict(bad, normalisation, flip=False)
    with pytest.raises(weights.WeightsError, match="not finite"):
        bad = state | {"features.0.bias": torch.full((64,), float("nan"))}
        weights.from_state_dict(bad, normalisation, flip=False)


@pytest.fixture
def one_line(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The test logs exactly one line."""
    with caplog.at_level(logging.INFO, "nst"):
        yield
    (record,) = caplog.get_records("call")
    assert "\n" not in record.getMessage()


def _cached(data: bytes) -> Path:
    path = weights._cache_file("oxford")
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


@pytest.mark.usefixtures("hub", "one_line")
def test_a_broken_cache_is_deleted() -> None:
    path = _cached(b"junk")
    assert weights.local_weights().name == "VGG-16"
    assert not path.exists()


@pytest.mark.usefixtures("hub", "one_line")
@pytest.mark.parametrize("missing", ["a bias", "the normalisation"])
def test_an_incomplete_cache_is_ignored(missing: str, state: dict[str, Tensor]) -> None:
    metadata = {"nst": "{}"} if missing == "the normalisation" else None
    tensors = {k: v for k, v in state.items() if metadata or k != "features.28.bias"}
    _cached(save(tensors, metadata))
    assert weights.local_weights().name == "VGG-16"


@pytest.mark.usefixtures("hub", "one_line")
def test_a_broken_cache_in_a_read_only_folder_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    path = _cached(b"junk")
    monkeypatch.setattr(Path, "unlink", refused)  # root can delete everywhere
    assert weights.local_weights().name == "VGG-16"
    assert path.exists()


@pytest.mark.usefixtures("hub", "one_line")
def test_an_unreadable_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/" + 300 * "x")  # an OSError, for root as well
    assert weights.local_weights().name == "VGG-16"


@pytest.fixture
def homeless(hub: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user id without a passwd entry, as in many containers."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)


@pytest.mark.usefixtures("homeless", "one_line")
def test_without_a_home_the_bundled_network_is_used() -> None:
    assert weights.local_weights().name == "VGG-16"


@pytest.mark.usefixtures("homeless", "one_line")
def test_without_a_home_a_download_is_used_but_not_cached(
    hub: Files, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = hub["/vgg19.pth"] = _pth(state, tmp_path / "a.pth")
    monkeypatch.setattr(weights, "OXFORD_SHA256", hashlib.sha256(data).hexdigest()[:8])
    fetched = weights.fetch_vgg19()
    assert fetched is not None
    assert fetched.name == "VGG-19"


@pytest.mark.usefixtures("one_line")
def test_with_an_unwritable_cache_a_download_is_used(
    hub: Files, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = hub["/vgg19.pth"] = _pth(state, tmp_path / "a.pth")
    monkeypatch.setattr(weights, "OXFORD_SHA256", hashlib.sha256(data).hexdigest()[:8])
    # A folder in place of the file stops root as well.
    weights._cache_file("oxford").with_suffix(f".{os.getpid()}").mkdir(parents=True)
    fetched = weights.fetch_vgg19()
    assert fetched is not None
    assert fetched.name == "VGG-19"


@pytest.mark.usefixtures("hub", "one_line")
def test_without_a_temporary_folder_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    assert weights.fetch_vgg19() is None


@pytest.mark.parametrize("name", sorted(weights._BUNDLED))
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_damaged_bundled_weights_are_reported_by_name(
    name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in weights._BUNDLED:
        (tmp_path / file).symlink_to(bundled.DATA / file)
    data = bytearray((tmp_path / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).unlink()
    if damage != "missing":
        (tmp_path / name).write_bytes(data if damage == "flipped" else data[:1000])
    monkeypatch.setattr(bundled, "DATA", tmp_path)
    with pytest.raises(weights.WeightsError, match=name) as error:
        weights.bundled_weights()
    assert "once more" in str(error.value)
    assert "\n" not in str(error.value)
