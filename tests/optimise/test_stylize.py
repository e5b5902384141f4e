import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst import Frame, ImageError, Settings, stylize
from nst.gallery import plates
from nst.images import fit, open_image, to_tensor
from nst.network.device import Arithmetic, device
from nst.network.vgg import Backbone
from nst.network.weights import bundled
from nst.optimise import objective
from nst.optimise import stylize as painting_loop
from nst.optimise.losses import gram, style_loss
from nst.optimise.pictures import open_pictures
from nst.optimise.regions import FEATHER
from nst.optimise.schedule import schedule
from nst.optimise.stylize import begin

CPU = torch.device("cpu")
SMALL = Settings(size=96, steps=24)


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
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def little(where: object) -> float:
        asked.append(where)
        return 1e9

    monkeypatch.setattr(painting_loop, "free_memory", little)
    elsewhere = Backbone(bundled(), torch.device("meta"), backbone.arithmetic)
    for given in (None, elsewhere):
        with pytest.raises(ValueError, match="size is 2048, which needs .* choose [345].. or less"):
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
    assert (masked, exact, rough) == (896, 1088, 1344)
    assert not refused(exact, torch.float32)
    assert refused(exact + 64, torch.float32)
    assert not refused(masked, torch.float32, mask)


def test_a_panorama_and_small_strokes(style: Image.Image, backbone: Backbone) -> None:
    settings = Settings(size=256, steps=3, style_scale=0.25)
    frame = _last(Image.new("RGB", (1600, 110), "teal"), [style], settings, backbone)
    assert frame.image.size == (256, 18)


def _mask(size: tuple[int, int]) -> Image.Image:
    """White on the left half."""
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return mask


def test_outside_the_mask_the_photo_stays_to_the_bit(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    frame = _last(photo, [style], Settings(size=192, steps=12), backbone, _mask(photo.size))
    before = np.asarray(fit(photo, 192), dtype=int)
    change = np.abs(np.asarray(frame.image, dtype=int) - before).max(axis=2)
    feather = math.ceil(6 * FEATHER * 192)
    assert change[:, 96 + feather :].max() == 0
    assert change[:, : 96 - feather].mean() > 8


def test_two_styles_in_two_regions_do_not_bleed(photo: Image.Image, backbone: Backbone) -> None:
    known = {plate.name: plate.path for plate in plates()}
    styles = [open_image(known[name]) for name in ("linocut_forest", "harbour_sunrise")]
    settings = Settings(size=192, steps=40, strength=1.0)
    painting = _last(photo, styles, settings, backbone, _mask(photo.size)).image
    half, height = painting.width // 2, painting.height
    parts = painting.crop((0, 0, half, height)), painting.crop((half, 0, 2 * half, height))

    def grams(image: Image.Image) -> list[torch.Tensor]:
        found = backbone(to_tensor(image), [f"relu{block}_1" for block in (1, 2, 3)])
        return [gram(features) for features in found.values()]

    goals = [grams(fit(style, 192)) for style in styles]

    def distance(part: Image.Image, goal: list[torch.Tensor]) -> float:
        return sum(float(style_loss(g, a)) for g, a in zip(grams(part), goal, strict=True))

    for number, part in enumerate(parts):
        assert 3 * distance(part, goals[number]) < distance(part, goals[1 - number])


@pytest.mark.parametrize(
    ("mask", "styles", "told"),
    [
        (Image.new("L", (50, 90), 255), 1, "another shape"),
        (Image.new("L", (120, 96)), 1, "black or transparent everywhere"),
        (Image.new("L", (120, 96), 255), 3, "one style or two"),
    ],
)
def test_a_mask_that_is_none_says_so(
    photo: Image.Image, style: Image.Image, mask: Image.Image, styles: int, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        stylize(photo, [style] * styles, SMALL, mask=mask)


@pytest.mark.usefixtures("every_frame")
def test_going_on_from_a_painting_paints_only_what_is_larger(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    small = _last(photo, [style], Settings(size=96, steps=20), backbone).image
    larger = Settings(size=288)
    frames = list(stylize(photo, [style], larger, backbone, start=small))
    assert frames[0].steps == sum(count for _, count in schedule(larger, 0.8, 96))
    last = Settings(size=96, steps=5)
    again = list(stylize(photo, [style], last, backbone, start=small))
    assert len(again) == 5
    whole = list(stylize(photo, [style], last, backbone))
    assert again[0].losses["total"] < 0.8 * whole[0].losses["total"]


def test_colours_of_the_photo(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    before = np.asarray(fit(photo, 96).convert("LAB"), dtype=float)[..., 1:]

    def chroma(colour: str) -> float:
        settings = Settings(size=96, steps=12, colour=colour)
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
        settings = Settings(size=96, steps=24, detail=detail)
        painting = to_tensor(_last(photo, [style], settings, backbone).image)
        off.append(float((backbone(painting, ["relu3_1"])["relu3_1"].float() - kept).norm()))
    assert off[0] > off[1] > off[2]


def test_a_mask_drawn_on_nothing_leaves_the_rest_alone(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    drawn = Image.new("RGBA", photo.size, (0, 0, 0, 0))
    drawn.paste("white", (0, 0, photo.width // 2, photo.height))
    settings = Settings(size=96, steps=3)
    frames = [_last(photo, [style], settings, backbone, m) for m in (drawn, _mask(photo.size))]
    assert frames[0].image.tobytes() == frames[1].image.tobytes()


def test_a_cut_outs_ground_is_not_painted(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    cut = photo.convert("RGBA")
    cut.putalpha(_mask(photo.size))
    settings = Settings(size=96, steps=6)
    pictures = open_pictures(cut, [style, style], settings, keep_alpha=True)
    *_, frame = begin(pictures, settings, backbone)
    painted = np.asarray(frame.image, dtype=int)
    assert (painted[:, 50:] == 255).all()
    before = np.asarray(fit(photo, 96), dtype=int)
    assert np.abs(painted - before)[:, :40].mean() > 3
    with pytest.raises(ImageError, match="transparent everywhere"):
        open_pictures(Image.new("RGBA", (99, 99)), [style], settings, keep_alpha=True)


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


def test_a_larger_painting_is_made_smaller_without_aliasing(photo: Image.Image) -> None:
    stripes = torch.zeros(1, 3, 400, 500)
    stripes[..., ::2] = 1
    target = to_tensor(fit(photo, 120))
    begun = painting_loop._start(target, stripes, [], Settings())
    assert begun.shape == target.shape
    assert float((begun[..., 4:-4] - 0.5).abs().max()) < 0.05
    same = painting_loop._start(target, target, [], Settings())
    assert torch.equal(same, target)


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"style_weight": 1e12, "style_loss": "gatys", "init": "noise"}, "no better"),
        ({"style_layers": (("relu1_1", 1e39),)}, "no finite number"),
        ({"optimizer": "adam", "learning_rate": 1.0}, "worse than it began"),
        ({"steps": 1}, "so few steps"),
        ({"size": 256, "steps": 2}, "so few steps"),
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
    frames = begin(pictures, settings, backbone, every=3)
    assert [frame.step for frame in frames] == [3, 6, 7]
