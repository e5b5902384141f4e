import math
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from nst import Frame, ImageError, Settings, stylize, transfer
from nst.backbone import Backbone, device, free_memory
from nst.images import fit

SMALL = Settings(size=96, steps=24)


@pytest.fixture
def every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FRAME_INTERVAL", 0.0)


def _last(*args: object) -> Frame:
    *_, frame = stylize(*args)  # type: ignore[arg-type]
    return frame


@pytest.mark.usefixtures("every_frame")
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_lowers_the_loss_and_paints(
    photo: Image.Image, style: Image.Image, backbone: Backbone, optimizer: str
) -> None:
    settings = Settings(size=96, steps=24, optimizer=optimizer)
    frames = list(stylize(photo, [style], settings, backbone))
    assert [frame.step for frame in frames] == list(range(1, 25))
    assert [frame.done for frame in frames] == [False] * 23 + [True]
    first, last = frames[0], frames[-1]
    assert set(last.losses) == {"total", "content", "style", "tv"}
    assert last.losses["total"] == pytest.approx(
        sum(last.losses[name] for name in ("content", "style", "tv")), rel=1e-5
    )
    assert last.losses["total"] < 0.8 * first.losses["total"]
    assert last.image.size == (96, 77)
    before = np.asarray(fit(photo, 96), dtype=float)
    assert np.abs(np.asarray(last.image) - before).mean() > 8
    assert last.progress == 1.0
    assert [frame.log for frame in frames] == [(frame.losses,) for frame in frames]
    seconds = [frame.seconds for frame in frames]
    assert seconds == sorted(seconds)


@pytest.mark.usefixtures("every_frame")
def test_frames_have_the_final_size_in_every_scale(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    frames = list(stylize(photo, [style], Settings(size=288, steps=4), backbone))
    assert {frame.image.size for frame in frames} == {(288, 230)}
    assert {frame.image.mode for frame in frames} == {"RGB"}
    assert len({frame.steps for frame in frames}) == 1


def test_same_seed_same_picture(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    def paint(seed: int) -> bytes:
        settings = Settings(size=96, steps=6, init="noise", seed=seed)
        return _last(photo, [style], settings, backbone).image.tobytes()

    assert paint(3) == paint(3)
    assert paint(3) != paint(4)


def test_threads_do_not_disturb_each_other(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    alone = _last(photo, [style], SMALL, backbone).image.tobytes()
    together: list[bytes] = []

    def work() -> None:
        together.append(_last(photo, [style], SMALL, backbone).image.tobytes())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [alone] * 3


@pytest.mark.usefixtures("every_frame")
def test_closing_the_generator_stops_the_work(
    photo: Image.Image,
    style: Image.Image,
    backbone: Backbone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evaluations = 0
    honest = transfer.total_variation

    def counted(pixels: torch.Tensor) -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        return honest(pixels)

    monkeypatch.setattr(transfer, "total_variation", counted)
    frames = stylize(photo, [style], Settings(size=96, steps=100), backbone)
    next(frames)
    after_one = evaluations
    frames.close()
    assert evaluations == after_one == 1
    assert next(frames, None) is None


def test_strength_0_keeps_the_photo_and_more_moves_further(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    before = np.asarray(fit(photo, 96), dtype=float)
    moved = []
    for strength in (0.0, 0.25, 0.5, 1.0):
        settings = Settings(size=96, steps=24, strength=strength, smoothness=0)
        painting = _last(photo, [style], settings, backbone).image
        moved.append(np.abs(np.asarray(painting) - before).mean())
    assert moved[0] == 0
    assert moved == sorted(moved)


def test_paths_and_any_mode(
    photo: Image.Image, style: Image.Image, backbone: Backbone, tmp_path: object
) -> None:
    path = f"{tmp_path}/photo.png"
    photo.convert("P").save(path)
    frame = _last(path, [style.convert("L"), style], Settings(size=64, steps=2), backbone)
    assert frame.image.size == (64, 51)


@pytest.mark.parametrize(
    ("styles", "told"),
    [
        ([], "at least one style"),
        ([Image.new("RGB", (4, 4))], "style image has only 4x4"),
    ],
)
def test_bad_input_is_refused_before_the_work(
    photo: Image.Image, styles: list[Image.Image], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        stylize(photo, styles)
    with pytest.raises(ImageError, match="the photo is not there"):
        stylize("nowhere.jpg", [photo])
    with pytest.raises(ImageError, match="too narrow"):
        stylize(Image.new("RGB", (3000, 20)), [photo])


def test_styles_blend_by_their_weights(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    other = Image.effect_noise((120, 90), 80).convert("RGB")

    def paint(styles: list[Image.Image], weights: tuple[float, ...]) -> bytes:
        settings = Settings(size=64, steps=6, style_weights=weights)
        return _last(photo, styles, settings, backbone).image.tobytes()

    both = [style, other]
    assert paint(both, (1, 0)) == paint([style], ())
    assert paint(both, (0, 3)) == paint([other], ())
    assert paint(both, (1, 1)) == paint(both, ())
    assert len({paint(both, w) for w in ((1, 0), (1, 1), (0, 1))}) == 3
    with pytest.raises(ValueError, match="style_weights has 2 numbers for 1 styles"):
        stylize(photo, [style], Settings(style_weights=(1, 2)))


def test_a_picture_too_large_for_the_memory_is_refused(
    photo: Image.Image, style: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "free_memory", lambda _: 1e9)
    with pytest.raises(ValueError, match="size is 2048, which needs .* choose 512 or less"):
        stylize(photo, [style], Settings(size=2048))
    assert free_memory(device()) > 1e8


def test_a_panorama_and_small_strokes(style: Image.Image, backbone: Backbone) -> None:
    settings = Settings(size=256, steps=3, style_scale=0.25)
    frame = _last(Image.new("RGB", (1600, 110), "teal"), [style], settings, backbone)
    assert frame.image.size == (256, 18)


def test_an_exploding_step_is_taken_back() -> None:
    calls = 0

    def objective(pixels: torch.Tensor) -> tuple[dict[str, float], torch.Tensor]:
        nonlocal calls
        calls += 1
        total = float((pixels - 0.3).square().sum())
        return {"total": math.nan if calls == 4 else total}, 2 * (pixels - 0.3)

    start = torch.full((1, 3, 4, 4), 0.9)
    pictures = [pixels for pixels, _ in transfer._lbfgs(start, objective, 12)]
    assert all(pixels.isfinite().all() for pixels in pictures)
    assert torch.allclose(pictures[-1], torch.tensor(0.3), atol=1e-3)


def test_lbfgs_stays_in_the_box() -> None:
    target = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1).expand(1, 3, 4, 4)

    def objective(pixels: torch.Tensor) -> tuple[dict[str, float], torch.Tensor]:
        return {"total": float((pixels - target).square().sum())}, 2 * (pixels - target)

    *_, (pixels, _) = transfer._lbfgs(torch.full((1, 3, 4, 4), 0.4), objective, 30)
    assert torch.allclose(pixels, target.clamp(0, 1), atol=1e-3)


def test_the_schedule_keeps_to_the_steps_asked_for() -> None:
    assert transfer._scales(Settings(), 0.75) == [128, 256, 512]
    assert transfer._scales(Settings(), 0.1) == [512]
    assert transfer._scales(Settings(size=100), 1) == [100]
    assert transfer._scales(Settings(size=2048), 1)[-2:] == [1024, 2048]
    assert transfer._scales(Settings(scales=2), 1) == [256, 512]
    for size in (64, 200, 512, 2048):
        for steps in range(1, 40):
            plan = transfer.schedule(Settings(size=size, steps=steps), 0.75)
            assert sum(count for _, count in plan) == steps
            assert min(count for _, count in plan) >= 1
            assert plan[-1][0] == size
