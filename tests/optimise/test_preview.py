from contextlib import closing
from typing import Any

import pytest
import torch
from PIL import Image

from nst import Settings, stylize
from nst.gallery import sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise import stylize as optimisation
from nst.optimise.preview import blend_preview, preview_pixels
from nst.optimise.regions import Region


def test_a_wall_is_blended_with_the_preview_and_a_face_is_not(style: Image.Image, backbone: Backbone) -> None:
    portrait = to_tensor(fit(open_image(sample("astronaut")), 256))
    everywhere = Region([(style, 1.0)])

    def blend(region: Region = everywhere, **options: Any) -> torch.Tensor:
        return blend_preview(portrait, portrait, [region], Settings(**options), backbone)

    change = (blend() - portrait).abs().mean(1)[0]
    preview = preview_pixels(portrait, [everywhere], Settings())
    full_change = (preview - portrait).abs().mean(1)[0]
    wall, eyes = (slice(0, 60), slice(40, 70)), (slice(68, 78), slice(105, 130))
    assert change[wall].mean() > 0.6 * full_change[wall].mean()
    assert change[eyes].mean() < 0.2 * full_change[eyes].mean()
    for unchanged in (blend(strength=0.0), blend(Region([]))):
        assert torch.equal(unchanged, portrait)
    below = Image.new("L", portrait.shape[:1:-1])
    below.paste(255, (0, 128, 256, 256))
    assert torch.equal(blend(Region([(style, 1.0)], below))[:, :, :112], portrait[:, :, :112])


@pytest.mark.usefixtures("two_scales")
@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"size": 64}, [64]),
        ({"size": 256}, [128]),
        ({"size": 128}, [128]),
        ({"size": 128, "scales": 1}, [128]),
        ({"size": 128, "init": "photo"}, []),
        ({"size": 128, "init": "noise"}, []),
    ],
)
def test_the_second_scale_starts_from_a_preview(
    options: dict[str, Any],
    sizes: list[int],
    photo: Image.Image,
    style: Image.Image,
    backbone: Backbone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blended: list[int] = []

    def recording(pixels: torch.Tensor, *others: Any) -> torch.Tensor:
        blended.append(max(pixels.shape))
        return blend_preview(pixels, *others)

    monkeypatch.setattr(optimisation, "blend_preview", recording)
    with closing(stylize(photo, [style], Settings(steps=3, **options), backbone)) as frames:
        while not (sizes and blended) and next(frames, None):
            pass
    assert blended == sizes


@pytest.mark.usefixtures("two_scales")
def test_a_painting_to_continue_is_not_blended_with_a_preview(
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It already has its large forms."""
    monkeypatch.setattr(optimisation, "blend_preview", pytest.fail)
    list(stylize(photo, [style], Settings(steps=3, size=128), backbone, start=photo))
