from pathlib import Path

import pytest
from PIL import Image

from nst.gallery import load_styles
from nst.images import ImageError, fit
from nst.job import Request, job_title, pictures_work, prepare
from nst.network.vgg import Backbone
from nst.optimise import pictures


def test_each_file_is_opened_once(
    photo: Image.Image, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("photo.png", "style.png", "start.png"):
        photo.save(tmp_path / name)
    opened: list[object] = []
    original = pictures.open_image

    def counted(source: object, *about: object) -> Image.Image:
        opened.append(source)
        return original(source, *about)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "open_image", counted)
    files = [tmp_path / name for name in ("photo.png", "style.png", "start.png")]
    job = prepare(Request(files[0], [files[1]], start=files[2], overrides={"size": 64}), [], backbone)
    job.frames.close()
    assert opened == files


def test_a_styles_file_may_disappear_during_the_run(photo: Image.Image, backbone: Backbone, tmp_path: Path) -> None:
    photo.save(tmp_path / "style.png")
    overrides = {"size": 64, "steps": 2}
    job = prepare(Request(photo, [tmp_path / "style.png"], overrides=overrides), [], backbone)
    (tmp_path / "style.png").unlink()
    *_, last = job.frames
    assert len(job.provenance(last).style_hashes[0]) == 16
    gone = Request(photo, [tmp_path / "style.png"] * 2, overrides={"style_weights": (0, 1)})
    with pytest.raises(ImageError, match="is not there"):
        prepare(gone, [], backbone)


def test_keep_alpha_keeps_the_transparent_background(photo: Image.Image, backbone: Backbone, tmp_path: Path) -> None:
    cut = photo.convert("RGBA")
    cut.paste((0, 0, 0, 0), (0, 0, 60, 96))
    photo.save(tmp_path / "style.png")
    overrides = {"size": 64, "steps": 2}
    request = Request(cut, [tmp_path / "style.png"], overrides=overrides, keep_alpha=True)
    job = prepare(request, [], backbone)
    *_, last = job.frames
    painting = job.painting(last)
    assert painting.mode == "RGBA"
    assert painting.getchannel("A").tobytes() == fit(cut, 64).getchannel("A").tobytes()
    assert job.provenance(last).extra_inputs == ("keep_alpha",)
    whole = prepare(Request(photo, [tmp_path / "style.png"], keep_alpha=True), [], backbone)
    assert whole.pictures.opaque is None
    whole.frames.close()


def test_a_title_names_the_photo_and_the_styles(photo: Image.Image, backbone: Backbone) -> None:
    assert job_title("a/lion.jpg", []) == "lion"
    assert job_title(Image.new("RGB", (9, 9)), []) == "photo"
    request = Request(photo, ["Irises at Sunrise"], overrides={"size": 64}, photo_name="lion")
    job = prepare(request, load_styles(), backbone)
    job.frames.close()
    assert job.title == "lion after stained_glass"
    assert job.settings.strength == 0.6  # the style's own
    assert job.work == pictures_work(job.pictures, job.settings) > 0
