import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst import Frame, ImageError, Settings, stylize
from nst.images import fit
from nst.images.tensors import to_tensor
from nst.network.device import Arithmetic, device
from nst.network.vgg import Backbone
from nst.network.weights import bundled
from nst.optimise import objective
from nst.optimise import stylize as painting_loop
from nst.optimise.pictures import open_pictures
from nst.optimise.schedule import schedule
from nst.optimise.stylize import run

CPU = torch.device("cpu")
SMALL = Settings(size=64, steps=8)


@pytest.fixture
def every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting_loop, "FRAME_INTERVALS", (0.0, 0.0))


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
    honest = objective.total_variation

    def counted(pixels: torch.Tensor) -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        return honest(pixels)

    monkeypatch.setattr(objective, "total_variation", counted)
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
        settings = Settings(size=96, steps=30, strength=strength, smoothness=0)
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
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def little(where: object) -> float:
        asked.append(where)
        return 1e9

    monkeypatch.setattr(painting_loop, "free_memory", little)
    elsewhere = Backbone(bundled(), torch.device("meta"), backbone.arithmetic)
    for given in (None, elsewhere):
        with pytest.raises(ValueError, match="size is 2048, which needs .* choose [3-6].. or less"):
            stylize(photo, [style], Settings(size=2048), given)
    assert asked == [device(), torch.device("meta")]


def test_the_size_that_is_recommended_is_let_in(
    photo: Image.Image, style: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(size: int, dtype: torch.dtype, mask: Image.Image | None = None) -> int:
        """The size that is recommended, or 0 if this one fits."""
        network = Backbone(bundled(), CPU, Arithmetic(dtype))
        try:
            stylize(photo, [style, style] if mask else [style], Settings(size=size), network, mask)
        except ValueError as error:
            return int(str(error).split("choose ")[1].split()[0])
        return 0

    monkeypatch.setattr(painting_loop, "free_memory", lambda _: 3e9)
    mask = Image.linear_gradient("L").resize(photo.size)
    exact, rough = refused(2048, torch.float32), refused(2048, torch.bfloat16)
    masked = refused(2048, torch.float32, mask)
    assert (masked, exact, rough) == (896, 1024, 1344)
    assert not refused(exact, torch.float32)
    assert refused(exact + 64, torch.float32)
    assert not refused(masked, torch.float32, mask)


def test_a_panorama_and_small_strokes(style: Image.Image, backbone: Backbone) -> None:
    settings = Settings(size=256, steps=3, style_scale=0.25)
    frame = _last(Image.new("RGB", (1600, 110), "teal"), [style], settings, backbone)
    assert frame.image.size == (256, 18)


@pytest.mark.usefixtures("every_frame")
def test_going_on_from_a_painting_paints_only_what_is_larger(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    small = _last(photo, [style], Settings(size=96, steps=12), backbone).image
    larger = Settings(size=288)
    first = next(stylize(photo, [style], larger, backbone, start=small))
    assert first.steps == sum(count for _, count in schedule(larger, 0.8, 96))
    last = Settings(size=96, steps=5)
    again = list(stylize(photo, [style], last, backbone, start=small))
    assert len(again) == 5
    whole = list(stylize(photo, [style], last, backbone))
    assert again[0].losses["total"] < 0.8 * whole[0].losses["total"]


def test_colours_of_the_photo(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    before = np.asarray(fit(photo, 96).convert("LAB"), dtype=float)[..., 1:]

    def chroma(colour: str) -> float:
        settings = Settings(size=96, steps=8, colour=colour)
        painting = _last(photo, [style], settings, backbone).image
        after = np.asarray(painting.convert("LAB"), dtype=float)[..., 1:]
        return float(np.linalg.norm((after - before + 128) % 256 - 128, axis=2).mean())

    assert chroma("photo") < 2
    assert chroma("photo") < chroma("matched") < chroma("style")


def test_detail_keeps_the_photos_fine_structure(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    target = to_tensor(fit(photo, 96))
    kept = backbone(target, ["relu3_1"])["relu3_1"].float()
    off = []
    for detail in (0.0, 0.5, 1.0):
        settings = Settings(size=96, steps=12, detail=detail)
        painting = to_tensor(_last(photo, [style], settings, backbone).image)
        off.append(float((backbone(painting, ["relu3_1"])["relu3_1"].float() - kept).norm()))
    assert off[0] > off[1] > off[2]


def test_no_picture_is_opened_twice_or_larger_than_needed(
    photo: Image.Image, style: Image.Image, tmp_path: Path
) -> None:
    photo.resize((4800, 3840)).save(tmp_path / "large.jpg")
    opened = open_pictures(tmp_path / "large.jpg", [style], Settings(size=512))
    assert opened.photo.size == (1200, 960)
    opened = open_pictures(tmp_path / "large.jpg", [style], Settings(size=1024))
    assert opened.photo.size == (2400, 1920)
    assert open_pictures(photo, [style], Settings(size=64)).photo.size == photo.size


def test_huge_weights_of_styles_are_shares_all_the_same(
    photo: Image.Image, style: Image.Image
) -> None:
    settings = Settings(style_weights=(1e308, 1e308))
    shares = [share for _, share in open_pictures(photo, [style, style], settings).styles]
    assert shares == [0.5, 0.5]


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"style_weight": 1e12, "style_loss": "gatys", "init": "noise"}, "no better"),
        ({"style_layers": (("relu1_1", 1e39),)}, "no finite number"),
        ({"optimizer": "adam", "learning_rate": 1.0}, "worse than it began"),
        ({"steps": 1}, ""),
        ({"size": 256, "steps": 2}, ""),
        ({"size": 256, "steps": 1}, ""),
        ({"strength": 0.0}, ""),
        ({"strength": 0.0, "smoothness": 0.0}, ""),
        ({"style_weight": 0.0}, ""),
        ({"steps": 2}, ""),
        ({"optimizer": "adam", "steps": 1}, ""),
    ],
)
def test_a_run_that_leads_nowhere_says_so(
    photo: Image.Image, style: Image.Image, backbone: Backbone, knobs: dict[str, Any], told: str
) -> None:
    settings = Settings(**{"size": 64, "steps": 4} | knobs)
    *early, last = stylize(photo, [style], settings, backbone)
    assert not any(frame.failed for frame in early)
    assert told in last.failed
    assert bool(told) == bool(last.failed)


@pytest.mark.parametrize(("size", "steps"), [(64, 1), (256, 1), (256, 2)])
def test_a_step_paints_where_there_are_no_more(
    photo: Image.Image, style: Image.Image, backbone: Backbone, size: int, steps: int
) -> None:
    frame = _last(photo, [style], Settings(size=size, steps=steps), backbone)
    assert (frame.step, frame.moved, frame.failed) == (steps, True, "")
    assert np.abs(np.asarray(frame.image, float) - np.asarray(fit(photo, size))).mean() > 0.5


@pytest.mark.usefixtures("every_frame")
def test_a_frame_tells_whether_anything_is_painted_yet(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    frames = list(stylize(photo, [style], Settings(size=64, steps=3), backbone))
    assert [frame.moved for frame in frames] == [False, True, True]


def test_frames_at_the_steps_asked_for(
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painting_loop, "FRAME_INTERVALS", (1e9, 1e9))
    settings = Settings(size=64, steps=7)
    pictures = open_pictures(photo, [style], settings)
    frames = run(pictures, settings, backbone, every=3)
    assert [frame.step for frame in frames] == [3, 6, 7]
