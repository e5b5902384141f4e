from pathlib import Path

import pytest
from PIL import Image

from nst.images import ImageError, fit
from nst.job import Request, job_title, prepare
from nst.network.vgg import Backbone
from nst.optimise import pictures


def test_each_file_is_opened_once(
    photo: Image.Image, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("photo.png", "style.png", "start.png"):
        photo.save(tmp_path / name)
    seen: list[object] = []
    honest = pictures.open_image

    def counted(source: object, *about: object) -> Image.Image:
        seen.append(source)
        return honest(source, *about)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "open_image", counted)
    files = [tmp_path / name for name in ("photo.png", "style.png", "start.png")]
    job = prepare(Request(files[0], [files[1]], start=files[2], given={"size": 64}), [], backbone)
    job.frames.close()
    assert seen == files


def test_a_styles_file_may_go_while_it_is_painted_from(
    photo: Image.Image, backbone: Backbone, tmp_path: Path
) -> None:
    photo.save(tmp_path / "style.png")
    given = {"size": 64, "steps": 2}
    job = prepare(Request(photo, [tmp_path / "style.png"], given=given), [], backbone)
    (tmp_path / "style.png").unlink()
    *_, last = job.frames
    assert len(job.provenance(last).styles[0]) == 16
    gone = Request(photo, [tmp_path / "style.png"] * 2, given={"style_weights": (0, 1)})
    with pytest.raises(ImageError, match="is not there"):
        prepare(gone, [], backbone)


def test_a_cut_out_stays_one(photo: Image.Image, backbone: Backbone, tmp_path: Path) -> None:
    cut = photo.convert("RGBA")
    cut.paste((0, 0, 0, 0), (0, 0, 60, 96))
    photo.save(tmp_path / "style.png")
    given = {"size": 64, "steps": 2}
    request = Request(cut, [tmp_path / "style.png"], given=given, keep_alpha=True)
    job = prepare(request, [], backbone)
    *_, last = job.frames
    painting = job.painting(last)
    assert painting.mode == "RGBA"
    assert painting.getchannel("A").tobytes() == fit(cut, 64).getchannel("A").tobytes()
    assert job.provenance(last).extra_inputs == ("keep_alpha",)
    whole = prepare(Request(photo, [tmp_path / "style.png"], keep_alpha=True), [], backbone)
    assert whole.pictures.opaque is None
    whole.frames.close()


def test_titles() -> None:
    assert job_title("a/lion.jpg", []) == "lion"
    assert job_title(Image.new("RGB", (9, 9)), []) == "photo"
