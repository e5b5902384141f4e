"""What the calling program has set in PyTorch makes no difference, and stays as it is."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image

import nst
from nst.network import isolation
from nst.one_pass_network import styles
from nst.optimise.methods import METHODS
from tests.serving import ROOT


@contextmanager
def _restored(change: Callable[[Any], None], value: Any, former: Any) -> Iterator[None]:
    change(value)
    try:
        yield
    finally:
        change(former)


STATES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast of a GPU": lambda: torch.autocast("cuda", dtype=torch.float16),
    "float64": lambda: _restored(torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": lambda: _restored(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "another device": lambda: torch.device("meta"),
    "another default device": lambda: _restored(torch.set_default_device, "meta", None),
    "deterministic": lambda: _restored(torch.use_deterministic_algorithms, True, False),
    "many threads": lambda: _restored(torch.set_num_threads, 64, torch.get_num_threads()),
}


def _state() -> tuple[Any, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.is_autocast_enabled("cuda"),
        torch.get_default_dtype(),
        torch.empty(0).device,
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
    )


def _pictures(photo: Image.Image, style: Image.Image) -> list[bytes]:
    """By both optimisers and by the one-pass network, with nothing kept from other runs."""
    styles.load_weights.cache_clear()
    styles.noise_tile.cache_clear()
    before, frames = _state(), []
    backbone = nst.load_backbone()
    lbfgs = nst.Settings(size=64, steps=2, detail=0.5)
    adam = nst.Settings(size=64, steps=1, init="noise", optimizer="adam", coherence=0)
    for settings in (lbfgs, adam):
        for frame in nst.stylize(photo, [style], settings, backbone):
            assert _state() == before
            frames.append(frame)
    pictures = [frame.image for frame in frames if frame.done]
    pictures += [nst.OnePass(style, size=64, strength=0.9)(photo), nst.preview(photo, style, 64)]
    assert _state() == before
    return [picture.tobytes() for picture in pictures]


@pytest.fixture(scope="module")
def pictures(photo: Image.Image, style: Image.Image) -> list[bytes]:
    return _pictures(photo, style)


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
@pytest.mark.parametrize("name", STATES)
def test_the_callers_state_changes_no_picture_and_stays(
    name: str, pictures: list[bytes], photo: Image.Image, style: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setattr(isolation, "_max_threads", lambda: threads)
    with STATES[name]():
        assert _pictures(photo, style) == pictures


@pytest.mark.parametrize("method", METHODS)
def test_another_number_format_changes_no_picture_of_a_method(
    method: str, photo: Image.Image, style: Image.Image
) -> None:
    settings = replace(nst.RECIPES[method], size=64, steps=2)

    def picture() -> bytes:
        *_, last = nst.stylize(photo, [style], settings)
        return last.image.tobytes()

    expected = picture()
    for name in ("float64", "bfloat16"):
        with STATES[name]():
            assert picture() == expected


def test_a_state_may_begin_and_end_between_two_frames(photo: Image.Image, style: Image.Image) -> None:
    settings = nst.Settings(size=64, steps=3)
    frames = nst.stylize(photo, [style], settings)
    with torch.inference_mode():
        last = next(frames)
        assert torch.is_inference_mode_enabled()
    with torch.no_grad():
        last = [last, *frames][-1]
    assert torch.is_grad_enabled()
    *_, plain = nst.stylize(photo, [style], settings)
    assert last.done and last.image.tobytes() == plain.image.tobytes()


FORK = """
import multiprocessing, os, signal
import torch
import nst

photo, style = (f"examples/{name}.jpg" for name in ("photos/lion", "styles/gold_spirals"))

def paint():
    *_, last = nst.stylize(photo, [style], nst.Settings(size=64, steps=2))
    return last.image.tobytes(), nst.preview(photo, style, 64).tobytes()

def compare(expected):
    signal.alarm(60)  # a child that waits for ever is killed
    os._exit(0 if paint() == expected else 1)

torch.set_num_threads(2)
torch.rand(1000, 1000).exp().sum()  # starts the threads of OpenMP
if (child := os.fork()) == 0:
    signal.alarm(60)
    paint()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0, "before nst has painted"
expected = paint()
child = multiprocessing.get_context("fork").Process(target=compare, args=(expected,))
child.start()
child.join()
assert child.exitcode == 0, "after nst has painted"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems start processes anew")
def test_a_fork_paints_the_same() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], check=True, cwd=ROOT, timeout=200)
