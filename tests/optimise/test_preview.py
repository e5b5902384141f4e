"""What one pass hands the optimiser."""

from typing import Any

import pytest
import torch
from PIL import Image

from nst import Settings, stylize
from nst.gallery import sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise import stylize as painting_loop
from nst.optimise.preview import blend_preview, preview_pixels
from nst.optimise.regions import Region


def test_calm_parts_are_as_in_the_draft_and_a_face_stays(
    style: Image.Image, backbone: Backbone
) -> None:
    portrait = to_tensor(fit(open_image(sample("astronaut")), 256))
    everywhere = Region([(style, 1.0)])

    def begun(region: Region = everywhere, **knobs: Any) -> torch.Tensor:
        return blend_preview(portrait, portrait, [region], Settings(**knobs), backbone)

    away = (begun() - portrait).abs().mean(1)[0]
    wholly = (preview_pixels(portrait, [everywhere], Settings()) - portrait).abs().mean(1)[0]
    wall, eyes = (slice(0, 60), slice(40, 70)), (slice(68, 78), slice(105, 130))
    assert away[wall].mean() > 0.6 * wholly[wall].mean()
    assert away[eyes].mean() < 0.2 * wholly[eyes].mean()
    for same in (begun(strength=0.0), begun(Region([]))):
        assert torch.equal(same, portrait)
    below = Image.new("L", portrait.shape[:1:-1])
    below.paste(255, (0, 128, 256, 256))
    assert torch.equal(begun(Region([(style, 1.0)], below))[:, :, :112], portrait[:, :, :112])


@pytest.mark.parametrize(
    ("asked", "drafted"),
    [
        ({"size": 64}, [64]),
        ({"size": 512}, [256]),
        ({"size": 256}, [256]),
        ({"size": 256, "scales": 1}, [256]),
        ({"size": 256, "init": "photo"}, []),
        ({"size": 256, "init": "noise"}, []),
    ],
)
def test_the_second_scale_begins_with_a_draft(
    asked: dict[str, Any],
    drafted: list[int],
    photo: Image.Image,
    style: Image.Image,
    backbone: Backbone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def laid_in(pixels: torch.Tensor, *others: Any) -> torch.Tensor:
        seen.append(max(pixels.shape))
        return blend_preview(pixels, *others)

    monkeypatch.setattr(painting_loop, "blend_preview", laid_in)
    list(stylize(photo, [style], Settings(steps=3, **asked), backbone))
    assert seen == drafted
    seen.clear()
    list(stylize(photo, [style], Settings(steps=3, **asked), backbone, start=photo))
    assert not seen  # a painting to go on from has its large forms
