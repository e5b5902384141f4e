"""Fine-tuning of the one-pass network for a new style."""

from collections import deque
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst import Settings
from nst.colour import moments, whitening
from nst.gallery import sample
from nst.images import open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.one_pass_network.styles import style_parameters, stylize
from nst.optimise import fine_tuning, targets
from nst.optimise.objective import Objective
from nst.optimise.regions import Region
from nst.optimise.targets import fit_style, style_targets

SIZE = 512
CPU = torch.device("cpu")


@pytest.fixture
def style() -> Image.Image:
    """A picture that is no built-in style."""
    return open_image(sample("coffee"))


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> int:
    """A short run on small crops."""
    monkeypatch.setattr(fine_tuning, "STEPS", 4)
    monkeypatch.setattr(fine_tuning, "CROP", 64)
    return 4


def test_the_style_loss_falls_on_another_photo(
    style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "STEPS", 12)
    photos = [open_image(sample(name)) for name in ("astronaut", "mountains", "pagoda")]
    other = to_tensor(open_image(sample("lion")).resize((512, 512)).crop((128, 0, 384, 256)))
    predicted, built_in = style_parameters(style, 1.0, CPU)
    assert not built_in
    *_, tuned = fine_tuning.fine_tune(predicted, style, 1.0, photos, backbone)
    objective = Objective(other, [Region([(style, 1.0)])], SIZE, Settings(size=SIZE, coherence=0), backbone)
    before, after = (float(objective(stylize(other, cin, 0.5))[0]["style"]) for cin in (predicted, tuned))
    assert after < 0.9 * before
    assert tuned[0, -1] == predicted[0, -1] == 0  # no large forms


@pytest.mark.usefixtures("few_steps")
def test_every_step_yields_other_parameters(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    predicted, _ = style_parameters(style, 1.0, CPU)
    before = predicted.clone()
    steps = list(fine_tuning.fine_tune(predicted, style, 1.0, [photo, style], backbone))
    assert len(steps) == 4
    assert torch.equal(predicted, before)
    for one, next_one in zip([before, *steps], steps, strict=False):
        assert next_one.isfinite().all()
        assert not torch.equal(one, next_one)
    again = deque(fine_tuning.fine_tune(predicted, style, 1.0, [photo, style], backbone), maxlen=1)[0]
    assert torch.equal(again, steps[-1])


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_style_has_the_size_that_the_optimiser_gives_it(
    photo: Image.Image, style: Image.Image, scale: float, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def note(style: Image.Image, *options: Any) -> Any:
        sizes.append(style.size)
        return style_targets(style, *options)

    monkeypatch.setattr(targets, "style_targets", note)
    small = style.resize((300, 200))
    next(fine_tuning.fine_tune(style_parameters(small, scale, CPU)[0], small, scale, [photo], backbone))
    assert sizes == [fit_style(small, SIZE, scale).size]


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize(
    "style",
    [Image.new("RGB", (64, 64), "white"), Image.new("RGB", (40, 400), "red"), Image.effect_noise((33, 64), 90)],
    ids=["white", "narrow", "noise"],
)
@pytest.mark.parametrize("photo", [Image.new("RGB", (640, 64)), Image.new("RGB", (16, 16), "blue")])
def test_any_style_and_photo_give_finite_parameters(
    style: Image.Image, photo: Image.Image, backbone: Backbone
) -> None:
    style = style.convert("RGB")
    predicted, _ = style_parameters(style, 1.0, CPU)
    for cin in fine_tuning.fine_tune(predicted, style, 2.0, [photo], backbone):
        assert cin.isfinite().all()


def test_palette_loss_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    painting = rng.uniform(0, 255, (1, 3, 8, 9))
    mean, covariance = rng.uniform(0, 255, 3), np.cov(rng.uniform(0, 255, (3, 50)))
    values, vectors = np.linalg.eigh(covariance + 64 * np.eye(3))
    white = vectors @ np.diag(values**-0.5) @ vectors.T
    assert np.allclose(whitening(covariance), white)
    rows = painting[0].reshape(3, -1)
    offset = white @ (rows.mean(1) - mean)
    spread = white @ (np.cov(rows) - covariance) @ white
    expected = (offset**2).sum() + (spread**2).sum()
    found = fine_tuning.palette_loss(*(torch.from_numpy(x) for x in (painting, mean, covariance, white)))
    assert float(found) == pytest.approx(expected)


def test_the_excess_counts_colours_that_are_far_from_the_style() -> None:
    mean, covariance = np.array([100.0, 120, 140]), np.diag([400.0, 100, 25])
    white = np.diag((np.diag(covariance) + 64) ** -0.5)
    near, far = mean + [20, 10, 5], mean + [0, 60, 0]
    painting = np.stack([near, near, far, mean], 1).reshape(1, 3, 2, 2)
    expected = 60**2 / 164 - fine_tuning.OUTLIER_LIMIT
    found = fine_tuning.excess(*(torch.from_numpy(x) for x in (painting, mean, white)))
    assert float(found) == pytest.approx(expected / 4)


def test_palette_loss_is_zero_for_the_style_itself(style: Image.Image) -> None:
    own = style.resize((256, 256))
    mean, covariance = moments([(own, 1.0)])
    tensors = (torch.from_numpy(x).float() for x in (mean, covariance, whitening(covariance)))
    assert float(fine_tuning.palette_loss(255 * to_tensor(own), *tensors)) == pytest.approx(0, abs=1e-5)
