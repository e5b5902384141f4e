"""The one-pass network, directly and through `stylize` and jobs."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from nst import Frame, Settings, stylize
from nst.gallery import find_style, load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.job import Request, prepare
from nst.network.vgg import Backbone
from nst.one_pass_network import styles as network
from nst.optimise.losses import gram

CPU = torch.device("cpu")
OpenStyle = Callable[[str], Image.Image]
ONE_PASS = Settings(effort="one-pass", size=96)
STYLE = "swirling_night"


def _difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, in levels of 255."""
    pixels = [np.asarray(image, dtype=float) for image in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def _painted(photo: Image.Image, style: Image.Image, **options: object) -> Image.Image:
    frames: list[Frame] = list(
        stylize(photo, [style], Settings(**{"effort": "one-pass", "size": 96, **options}))  # type: ignore[arg-type]
    )
    assert [(frame.step, frame.steps, frame.done) for frame in frames] == [(1, 1, True)]
    return frames[0].image


@pytest.fixture
def open_style() -> OpenStyle:
    return lambda name: Image.open(find_style(name, load_styles()).path).convert("RGB")


def test_a_painting_is_nearer_to_the_style_than_the_photo(
    photo: Image.Image, open_style: OpenStyle, backbone: Backbone
) -> None:
    def normalised_gram(picture: Image.Image) -> torch.Tensor:
        matrix = gram(backbone(to_tensor(picture), ["relu3_1"])["relu3_1"])
        return matrix / matrix.norm()

    target, before = (normalised_gram(open_style(STYLE).resize((96, 77))), normalised_gram(photo.resize((96, 77))))
    after = normalised_gram(_painted(photo, open_style(STYLE)))
    assert (after - target).norm() < 0.8 * (before - target).norm()


def test_a_higher_strength_is_further_from_the_photo(photo: Image.Image, open_style: OpenStyle) -> None:
    small = photo.resize((96, 77), Image.Resampling.LANCZOS)
    differences = [
        _difference(small, _painted(photo, open_style(STYLE), strength=strength)) for strength in (0.0, 0.25, 0.5, 1.0)
    ]
    assert differences[0] < 1
    assert differences == sorted(differences)
    assert differences[1] > 5


def test_a_mask_keeps_the_rest(photo: Image.Image, open_style: OpenStyle) -> None:
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).rectangle((0, 0, 59, 95), fill=255)
    *_, frame = stylize(photo, [open_style(STYLE)], ONE_PASS, mask=mask)
    small = photo.resize((96, 77), Image.Resampling.LANCZOS)
    right = (60, 0, 96, 77)
    assert _difference(frame.image.crop(right), small.crop(right)) == 0
    assert _difference(frame.image.crop((0, 0, 40, 77)), small.crop((0, 0, 40, 77))) > 10


def test_provenance_names_the_network(photo: Image.Image, backbone: Backbone) -> None:
    job = prepare(Request(photo, [STYLE], overrides={"effort": "one-pass"}), load_styles(), backbone)
    [frame] = job.frames
    assert job.provenance(frame).backbone == "one-pass network"
    steps = prepare(Request(photo, [STYLE], overrides={"effort": "one-pass", "steps": 1}), load_styles(), backbone)
    assert steps.network == backbone.name
    assert job.work < steps.work


@pytest.mark.parametrize("shape", [(16, 16), (17, 1000), (65, 1601), (1000, 17), (333, 77)])
def test_every_shape_is_painted(shape: tuple[int, int]) -> None:
    photo = torch.rand(1, 3, *shape)
    style = Image.effect_noise((shape[1], shape[0]), 90).convert("RGB")
    cin = network.encode([(style, 1.0)], 4.0, CPU)
    painted = network.stylize(photo, cin, 1.0)
    assert painted.shape == photo.shape
    assert painted.isfinite().all()


def test_strokes_are_as_large_in_a_large_picture(open_style: OpenStyle) -> None:
    large = to_tensor(fit(open_image(sample("lion")), 1000))
    small = F.interpolate(large, scale_factor=0.5, mode="bilinear", antialias=True)
    cin, weights = network.encode([(open_style(STYLE), 1.0)], 1.0, CPU), network.load_weights(CPU)
    expected = network.stylize(small, cin, 0.5)

    def error(painted: torch.Tensor) -> float:
        shrunk = F.interpolate(painted, expected.shape[2:], mode="bilinear", antialias=True)
        return float((shrunk - expected).abs().mean())

    with torch.no_grad():
        once = network.paint_once(large, cin, weights)
    painted = network.stylize(large, cin, 0.5)
    assert painted.shape == large.shape
    assert error(painted) < 0.6 * error(once)


def test_unseen_styles_have_no_large_forms(photo: Image.Image, open_style: OpenStyle) -> None:
    """The depth is 1 for a built-in style, 0 for other pictures, and the mean for a blend."""
    both = [(open_style(STYLE), 0.75), (photo, 0.25)]
    depths = [
        float(network.encode(styles, 1.0, CPU)[0, -1]) for styles in ([(open_style(STYLE), 1.0)], [(photo, 1.0)], both)
    ]
    assert depths == pytest.approx([1, 0, 0.75])


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_uniform_photo_is_painted_without_a_grid(level: float, open_style: OpenStyle) -> None:
    """It gets strokes, and they are not periodic."""
    wall = torch.full((1, 3, 192, 192), level)
    painted = network.stylize(wall, network.encode([(open_style(STYLE), 1.0)], 1.0, CPU), 0.5)
    inside = painted[:, :, 32:-32, 32:-32]
    assert inside.std() > 0.05
    for period in (2, 4, 8, 16, 32):
        for direction in (inside, inside.mT):
            change = (direction[..., period:] - direction[..., :-period]).square().mean().sqrt()
            assert change > 0.5 * inside.std(), period


def test_impossible_requests_are_rejected(photo: Image.Image, open_style: OpenStyle) -> None:
    with pytest.raises(ValueError, match="choose quick to paint on"):
        stylize(photo, [open_style(STYLE)], ONE_PASS, start=photo)
    with pytest.raises(ValueError, match="styles is empty"):
        stylize(photo, [], ONE_PASS)
