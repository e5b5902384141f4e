import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst import RECIPES, Frame, ImageError, Settings, stylize
from nst.gallery import sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.device import Arithmetic, default_device
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise import objective, recorder, tiled
from nst.optimise import stylize as optimisation
from nst.optimise.pictures import open_pictures
from nst.optimise.recorder import RunOptions
from nst.optimise.regions import Region
from nst.optimise.schedule import schedule
from nst.optimise.stylize import run

CPU = torch.device("cpu")
SMALL = Settings(size=64, steps=3)


@pytest.fixture
def every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FRAME_INTERVALS", (0.0, 0.0))


def _last(*args: object) -> Frame:
    *_, frame = stylize(*args)  # type: ignore[arg-type]
    return frame


@pytest.mark.usefixtures("every_frame")
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_lowers_the_loss_and_changes_the_photo(
    photo: Image.Image, style: Image.Image, backbone: Backbone, optimizer: str
) -> None:
    settings = Settings(size=64, steps=12, optimizer=optimizer)
    frames = list(stylize(photo, [style], settings, backbone))
    assert [frame.step for frame in frames] == list(range(1, 13))
    assert [frame.done for frame in frames] == [False] * 11 + [True]
    first, last = frames[0], frames[-1]
    assert set(last.losses) == {"total", "content", "style", "tv"}
    assert last.losses["total"] == pytest.approx(
        sum(last.losses[name] for name in ("content", "style", "tv")), rel=1e-5
    )
    assert last.losses["total"] < 0.8 * first.losses["total"]
    assert last.image.size == (64, 51)
    before = np.asarray(fit(photo, 64), dtype=float)
    assert np.abs(np.asarray(last.image) - before).mean() > 8
    assert last.progress == 1.0
    assert [frame.log for frame in frames] == [(frame.losses,) for frame in frames]
    seconds = [frame.seconds for frame in frames]
    assert seconds == sorted(seconds)


@pytest.mark.usefixtures("every_frame", "two_scales")
def test_frames_have_the_final_size_in_every_scale(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    frames = list(stylize(photo, [style], Settings(size=128, steps=4), backbone))
    assert {frame.image.size for frame in frames} == {(128, 102)}
    assert {frame.image.mode for frame in frames} == {"RGB"}
    assert len({frame.steps for frame in frames}) == 1


def test_same_seed_same_picture(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    def paint(seed: int) -> bytes:
        settings = Settings(size=64, steps=2, init="noise", seed=seed)
        return _last(photo, [style], settings, backbone).image.tobytes()

    assert paint(3) == paint(3)
    assert paint(3) != paint(4)


def test_runs_in_threads_do_not_affect_each_other(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    alone = _last(photo, [style], SMALL, backbone).image.tobytes()
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(_last, photo, [style], SMALL, backbone) for _ in range(3)]
        assert [run.result(timeout=300).image.tobytes() for run in runs] == [alone] * 3


@pytest.mark.usefixtures("every_frame")
def test_closing_the_generator_stops_the_work(
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations = 0
    loss_gradient = objective.loss_gradient

    def counted(*arguments: Any) -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        return loss_gradient(*arguments)

    monkeypatch.setattr(objective, "loss_gradient", counted)
    frames = stylize(photo, [style], Settings(size=96, steps=100), backbone)
    next(frames)
    after_one = evaluations
    frames.close()
    assert evaluations == after_one == 1
    assert next(frames, None) is None


def test_strength_0_keeps_the_photo_and_more_moves_further(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    before = np.asarray(fit(photo, 64), dtype=float)
    moved = []
    for strength in (0.0, 0.2, 0.5):
        settings = Settings(size=64, steps=12, strength=strength, smoothness=0)
        painting = _last(photo, [style], settings, backbone).image
        moved.append(np.abs(np.asarray(painting) - before).mean())
    assert moved[0] == 0
    assert moved == sorted(moved)


def test_images_may_be_paths_and_of_any_mode(
    photo: Image.Image, style: Image.Image, backbone: Backbone, tmp_path: object
) -> None:
    path = f"{tmp_path}/photo.png"
    photo.convert("P").save(path)
    frame = _last(path, [style.convert("L"), style], Settings(size=64, steps=2), backbone)
    assert frame.image.size == (64, 51)


@pytest.mark.parametrize(
    ("styles", "message"), [([], "at least one style"), ([Image.new("RGB", (4, 4))], "style image has only 4x4")]
)
def test_bad_input_is_rejected_before_any_work(photo: Image.Image, styles: list[Image.Image], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stylize(photo, styles)
    with pytest.raises(ImageError, match="the photo is not there"):
        stylize("nowhere.jpg", [photo])
    with pytest.raises(ImageError, match="too narrow"):
        stylize(Image.new("RGB", (3000, 20)), [photo])


def test_styles_blend_by_their_weights(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    other = Image.effect_noise((120, 90), 80).convert("RGB")

    def paint(styles: list[Image.Image], weights: tuple[float, ...]) -> bytes:
        settings = Settings(size=64, steps=3, style_weights=weights)
        return _last(photo, styles, settings, backbone).image.tobytes()

    both = [style, other]
    one, blend, two = (paint(both, weights) for weights in ((1, 0), (1, 1), (0, 3)))
    assert len({one, blend, two}) == 3
    assert (one, blend, two) == (paint([style], ()), paint(both, ()), paint([other], ()))
    with pytest.raises(ValueError, match="as there are styles: 1, not 2"):
        stylize(photo, [style], Settings(style_weights=(1, 2)))


def test_a_size_too_large_for_the_memory_is_rejected(
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices: list[object] = []

    def little(device: object) -> float:
        devices.append(device)
        return 1e9

    monkeypatch.setattr(optimisation, "free_memory", little)
    on_meta = Backbone(bundled_weights(), torch.device("meta"), backbone.arithmetic)
    for network in (None, on_meta):
        with pytest.raises(ValueError, match="size is 2048, which needs .* choose [3-6].. or less"):
            stylize(photo, [style], Settings(size=2048), network)
    assert set(devices) == {default_device(), torch.device("meta")}


def test_the_recommended_size_is_accepted(
    photo: Image.Image, style: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recommended(size: int, dtype: torch.dtype, mask: Image.Image | None = None) -> int:
        """The size in the error message, or 0 if this one fits."""
        network = Backbone(bundled_weights(), CPU, Arithmetic(dtype))
        try:
            stylize(photo, [style, style] if mask else [style], Settings(size=size), network, mask)
        except ValueError as error:
            return int(str(error).split("choose ")[1].split()[0])
        return 0

    monkeypatch.setattr(optimisation, "free_memory", lambda _: 3e9)
    monkeypatch.setattr(optimisation, "tiled_memory", lambda *_: math.inf)
    mask = Image.linear_gradient("L").resize(photo.size)
    full, half = recommended(2048, torch.float32), recommended(2048, torch.bfloat16)
    masked = recommended(2048, torch.float32, mask)
    assert (masked, full, half) == (896, 1024, 1344)
    assert not recommended(full, torch.float32)
    assert recommended(full + 64, torch.float32)
    assert not recommended(masked, torch.float32, mask)


def test_a_panorama_can_be_painted_with_small_strokes(style: Image.Image, backbone: Backbone) -> None:
    settings = Settings(size=256, steps=1, style_scale=0.25)
    frame = _last(Image.new("RGB", (1600, 110), "teal"), [style], settings, backbone)
    assert frame.image.size == (256, 18)


@pytest.mark.usefixtures("every_frame", "two_scales")
def test_continuing_a_painting_runs_only_the_larger_scales(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    small = _last(photo, [style], Settings(size=64, steps=8), backbone).image
    larger = Settings(size=128)
    first = next(stylize(photo, [style], larger, backbone, start=small))
    assert first.steps == sum(count for _, count in schedule(larger, 0.8, 64))
    last = Settings(size=64, steps=3)
    again = list(stylize(photo, [style], last, backbone, start=small))
    assert len(again) == 3
    whole = next(stylize(photo, [style], last, backbone))
    assert again[0].losses["total"] < 0.8 * whole.losses["total"]


def test_colours_may_be_the_photos_or_matched(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    before = np.asarray(fit(photo, 64).convert("LAB"), dtype=float)[..., 1:]

    def chroma(colour: str) -> float:
        settings = Settings(size=64, steps=5, colour=colour)
        painting = _last(photo, [style], settings, backbone).image
        after = np.asarray(painting.convert("LAB"), dtype=float)[..., 1:]
        return float(np.linalg.norm((after - before + 128) % 256 - 128, axis=2).mean())

    kept = chroma("photo")
    assert kept < 2
    assert kept < chroma("matched") < chroma("style")


@pytest.mark.parametrize("effort", ["quick", "one-pass"])
def test_a_style_without_colour_gives_a_painting_without_colour(
    photo: Image.Image, style: Image.Image, backbone: Backbone, effort: str
) -> None:
    grey = style.convert("L").convert("RGB")

    def colourfulness(style: Image.Image, **options: Any) -> float:
        *_, last = stylize(photo, [style], Settings(size=64, effort=effort, **options), backbone)
        return float(np.ptp(np.asarray(last.image, dtype=int), axis=2).mean())

    assert colourfulness(grey) <= 1
    assert colourfulness(grey, strength=0.25) > 5
    assert colourfulness(style) > 20


def test_detail_keeps_the_photos_fine_structure(style: Image.Image, backbone: Backbone) -> None:
    photo = open_image(sample("lion"))
    target = to_tensor(fit(photo, 64))
    goal = backbone(target, ["relu3_1"])["relu3_1"].float()
    errors = []
    for detail in (0.0, 0.5, 1.0):
        settings = Settings(size=64, steps=6, detail=detail)
        painting = to_tensor(_last(photo, [style], settings, backbone).image)
        errors.append(float((backbone(painting, ["relu3_1"])["relu3_1"].float() - goal).norm()))
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.usefixtures("two_scales")
@pytest.mark.parametrize(("size", "steps"), [(64, 1), (128, 1), (128, 2)])
def test_the_only_step_of_a_scale_changes_the_picture(
    photo: Image.Image, style: Image.Image, backbone: Backbone, size: int, steps: int
) -> None:
    frame = _last(photo, [style], Settings(size=size, steps=steps), backbone)
    assert (frame.step, frame.moved, frame.failed) == (steps, True, "")
    assert np.abs(np.asarray(frame.image, float) - np.asarray(fit(photo, size))).mean() > 0.5


@pytest.mark.usefixtures("every_frame")
def test_the_first_frame_is_the_picture_before_the_first_step(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    frames = list(stylize(photo, [style], Settings(size=64, steps=3), backbone))
    assert [frame.moved for frame in frames] == [False, True, True]


def test_every_adds_frames_at_regular_steps(
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FRAME_INTERVALS", (1e9, 1e9))
    settings = Settings(size=64, steps=7)
    pictures = open_pictures(photo, [style], settings)
    frames = run(pictures, settings, backbone, RunOptions(frame_every=3))
    assert [frame.step for frame in frames] == [3, 6, 7]


@pytest.mark.parametrize("name", ["gatys", "painting-with-gans", "from-scratch"])
def test_recipes_of_other_papers_keep_the_photos_palette(
    name: str, photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    matched: list[Image.Image] = []

    def recording(photo: Image.Image, *_: Any) -> Image.Image:
        matched.append(photo)
        return photo

    monkeypatch.setattr(optimisation, "match_palette", recording)
    for settings in (replace(RECIPES[name], size=64, steps=1), Settings(size=64, steps=1, strength=0.0)):
        list(stylize(photo, [style], settings, backbone))
    assert not matched
    list(stylize(photo, [style], Settings(size=64, steps=1), backbone))
    assert len(matched) == 1


@pytest.mark.usefixtures("two_scales")
def test_a_run_resumes_at_its_step(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    settings = Settings(size=128, steps=8)
    pictures = open_pictures(photo, [style], settings)
    whole = {frame.step: frame for frame in run(pictures, settings, backbone, RunOptions(frame_every=1))}
    changed = _mean_difference(whole[8].image, fit(photo, 128))
    for first_step in (2, 4, 6):
        begun = replace(pictures, start=whole[first_step].image)
        frames = list(run(begun, settings, backbone, RunOptions(frame_every=1, first_step=first_step)))
        assert [frame.step for frame in frames] == [*range(first_step + 1, 9)]
        assert frames[0].progress > whole[first_step].progress - 1e-9
        assert _mean_difference(frames[-1].image, whole[8].image) < 0.6 * changed


def test_the_remainder_is_what_rounding_takes(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    settings = Settings(size=64, steps=3)
    *_, frame = run(open_pictures(photo, [style], settings), settings, backbone, RunOptions(remainder=True))
    assert frame.remainder is not None
    assert frame.remainder.shape == (*frame.image.size[::-1], 3)
    assert 0.4 < np.abs(frame.remainder).max() <= 0.5


@pytest.mark.usefixtures("two_scales")
@pytest.mark.parametrize("colour", ["style", "photo"])
def test_a_large_picture_in_tiles_looks_like_the_whole(
    colour: str, photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(size=128, steps=8, colour=colour)
    whole = _last(photo, [style], settings, backbone).image
    monkeypatch.setattr(optimisation, "_in_tiles", lambda *_: True)
    monkeypatch.setattr(recorder, "MAX_FRAME", 32)
    monkeypatch.setattr(tiled, "TILE", 64)
    pictures = open_pictures(photo, [style], settings)
    frames = list(run(pictures, settings, backbone, RunOptions(frame_every=1)))
    assert {max(frame.image.size) for frame in frames} == {64, 128}
    assert _mean_difference(frames[-1].image, whole) < 0.3 * _mean_difference(whole, fit(photo, 128))


def _mean_difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other)).mean())


def test_tiles_bound_the_memory_of_large_pictures(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_tiles(size: int, final: int) -> bool:
        return optimisation._in_tiles((size, size), (final, final), [Region([])], backbone)

    monkeypatch.setattr(optimisation, "free_memory", lambda _: 64e9)
    assert [in_tiles(size, 4096) for size in (512, 1024, 2048, 4096)] == [False, False, True, True]
    assert [in_tiles(size, 2048) for size in (1024, 2048)] == [False, False]
    monkeypatch.setattr(optimisation, "free_memory", lambda _: 3.5e9)
    assert [in_tiles(size, 2048) for size in (512, 2048)] == [False, True]
