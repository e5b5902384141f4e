"""Any style at once: at every door that paints in one pass."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from nst import Frame, ImageError, OnePass, Settings, preview, stylize
from nst.gallery import load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.job import Request, prepare
from nst.network.vgg import Backbone
from nst.one_pass_network import styles as engine
from nst.optimise.losses import gram

CPU = torch.device("cpu")
INSTANT = Settings(effort="one-pass", size=96)
PLATE, OTHER = "swirling_night", "woodblock_wave"


def _away(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, in levels."""
    pixels = [np.asarray(image, dtype=float) for image in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def _painted(photo: Image.Image, style: Image.Image, **given: object) -> Image.Image:
    frames: list[Frame] = list(
        stylize(photo, [style], Settings(**{"effort": "one-pass", "size": 96, **given}))  # type: ignore[arg-type]
    )
    assert [(frame.step, frame.steps, frame.done) for frame in frames] == [(1, 1, True)]
    return frames[0].image


@pytest.fixture
def two() -> Callable[[str], Image.Image]:
    return lambda name: Image.open(next(p.path for p in load_styles() if p.name == name)).convert("RGB")


def test_all_doors_paint_the_same(photo: Image.Image, two: Callable[[str], Image.Image]) -> None:
    at_once = _painted(photo, two(PLATE))
    assert at_once.size == (96, 77)
    assert _away(at_once, preview(photo, PLATE, 96)) == 0
    painter = OnePass(two(PLATE), size=96)
    assert _away(at_once, painter(photo)) == 0
    assert _away(at_once, painter(photo)) == 0


def test_it_comes_nearer_to_the_style(
    photo: Image.Image, two: Callable[[str], Image.Image], backbone: Backbone
) -> None:
    def matrix(picture: Image.Image) -> torch.Tensor:
        found = gram(backbone(to_tensor(picture), ["relu3_1"])["relu3_1"])
        return found / found.norm()

    target, before = matrix(two(PLATE).resize((96, 77))), matrix(photo.resize((96, 77)))
    after = matrix(_painted(photo, two(PLATE)))
    assert (after - target).norm() < 0.8 * (before - target).norm()


def test_strength_goes_from_the_photo_to_the_style(photo: Image.Image, two: Callable[[str], Image.Image]) -> None:
    small = photo.resize((96, 77), Image.Resampling.LANCZOS)
    moved = [_away(small, _painted(photo, two(PLATE), strength=strength)) for strength in (0.0, 0.25, 0.5, 1.0)]
    assert moved[0] < 1
    assert moved == sorted(moved)
    assert moved[1] > 5


def test_several_styles_blend_by_weight(photo: Image.Image, two: Callable[[str], Image.Image]) -> None:
    alone = OnePass(PLATE, size=96)(photo)
    assert _away(alone, OnePass(PLATE, OTHER, size=96, style_weights=(1, 0))(photo)) == 0
    both = OnePass(PLATE, OTHER, size=96)(photo)
    other = OnePass(OTHER, size=96)(photo)
    assert 0 < _away(both, alone) < _away(other, alone)


def test_a_mask_keeps_the_rest(photo: Image.Image, two: Callable[[str], Image.Image]) -> None:
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).rectangle((0, 0, 59, 95), fill=255)
    *_, frame = stylize(photo, [two(PLATE)], INSTANT, mask=mask)
    small = photo.resize((96, 77), Image.Resampling.LANCZOS)
    right = (60, 0, 96, 77)
    assert _away(frame.image.crop(right), small.crop(right)) == 0
    assert _away(frame.image.crop((0, 0, 40, 77)), small.crop((0, 0, 40, 77))) > 10


def test_a_painting_remembers_what_painted_it(photo: Image.Image, backbone: Backbone) -> None:
    job = prepare(Request(photo, [PLATE], overrides={"effort": "one-pass"}), load_styles(), backbone)
    [frame] = job.frames
    assert job.provenance(frame).backbone == "one-pass network"
    steps = prepare(Request(photo, [PLATE], overrides={"effort": "one-pass", "steps": 1}), load_styles(), backbone)
    assert steps.network == backbone.name
    assert job.work < steps.work


@pytest.mark.parametrize("shape", [(16, 16), (17, 1000), (65, 1601), (1000, 17), (333, 77)])
def test_every_shape_is_painted(shape: tuple[int, int]) -> None:
    photo = torch.rand(1, 3, *shape)
    style = Image.effect_noise((shape[1], shape[0]), 90).convert("RGB")
    read = engine.style_parameters([(style, 1.0)], 4.0, CPU)
    painted = engine.stylize(photo, read, 1.0)
    assert painted.shape == photo.shape
    assert painted.isfinite().all()


def test_strokes_are_as_large_in_a_large_picture(two: Callable[[str], Image.Image]) -> None:
    large = to_tensor(fit(open_image(sample("lion")), 1000))
    small = F.interpolate(large, scale_factor=0.5, mode="bilinear", antialias=True)
    style, known = engine.style_parameters([(two(PLATE), 1.0)], 1.0, CPU), engine.load_weights(CPU)
    wanted = engine.stylize(small, style, 0.5)

    def away(painted: torch.Tensor) -> float:
        shrunk = F.interpolate(painted, wanted.shape[2:], mode="bilinear", antialias=True)
        return float((shrunk - wanted).abs().mean())

    with torch.no_grad():
        at_once = engine._one_pass(large, style, known)
    painted = engine.stylize(large, style, 0.5)
    assert painted.shape == large.shape
    assert away(painted) < 0.6 * away(at_once)


def test_large_forms_are_of_styles_that_were_learned(photo: Image.Image, two: Callable[[str], Image.Image]) -> None:
    """A plate's count wholly, another picture's little, a blend's as much as the plate's share."""
    both = [(two(PLATE), 0.75), (photo, 0.25)]
    depths = [
        float(engine.style_parameters(styles, 1.0, CPU)[0, -1])
        for styles in ([(two(PLATE), 1.0)], [(photo, 1.0)], both)
    ]
    assert depths == pytest.approx([1, engine._DEPTH, 0.75 + 0.25 * engine._DEPTH])


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_wall_is_painted_without_a_grid(level: float, two: Callable[[str], Image.Image]) -> None:
    """What is the same everywhere gets strokes, and none of them again and again."""
    wall = torch.full((1, 3, 192, 192), level)
    painted = engine.stylize(wall, engine.style_parameters([(two(PLATE), 1.0)], 1.0, CPU), 0.5)
    inside = painted[:, :, 32:-32, 32:-32]
    assert inside.std() > 0.05
    for period in (2, 4, 8, 16, 32):
        for across in (inside, inside.mT):
            again = (across[..., period:] - across[..., :-period]).square().mean().sqrt()
            assert again > 0.5 * inside.std(), period


def test_what_it_can_not_do_is_told(photo: Image.Image, two: Callable[[str], Image.Image]) -> None:
    with pytest.raises(ValueError, match="choose quick to paint on"):
        stylize(photo, [two(PLATE)], INSTANT, start=photo)
    with pytest.raises(ValueError, match="styles is empty"):
        stylize(photo, [], INSTANT)
    with pytest.raises(ValueError, match="did you mean 'swirling_night'"):
        OnePass("swirlin_night")
    with pytest.raises(ImageError, match="has only 8x8 pixels"):
        OnePass(Image.new("RGB", (8, 8)))
