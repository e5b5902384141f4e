import pytest
import torch
from PIL import Image

from nst.gallery import find_style, load_styles, sample
from nst.images import open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise.likeness import with_likeness
from nst.optimise.regions import Likeness, Region, degree_of_likeness


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    return open_image(sample("astronaut"))


def _likeness(photo: Image.Image, region: Region, backbone: Backbone) -> Likeness:
    (compared,) = with_likeness(photo, [region], backbone)
    assert compared.likeness is not None
    return compared.likeness


def test_a_face_is_like_a_face_and_not_like_a_landscape(portrait: Image.Image, backbone: Backbone) -> None:
    """The mirrored portrait stands for a painted one: its left half in grey, so that colours can't tell."""
    mirrored = portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("L").convert("RGB")
    face = (..., slice(2, 6), slice(4, 8))
    with_face = _likeness(portrait, Region([(mirrored, 1.0)]), backbone).degree
    (landscape,) = with_likeness(portrait, [Region([(open_image(sample("mountains")), 1.0)])], backbone)
    assert with_face.shape[2:] == (16, 13)
    assert with_face[face].mean() > 0.6
    assert landscape.likeness is None


def test_like_colours_are_those_of_the_same_thing(portrait: Image.Image, backbone: Backbone) -> None:
    likeness = _likeness(portrait, Region([(portrait, 1.0)]), backbone)
    small = portrait.resize(likeness.colours.shape[:1:-1], Image.Resampling.BOX)
    own = to_tensor(small)[0].permute(1, 2, 0)
    difference = (likeness.colours[0].permute(1, 2, 0) - own).abs().mean()
    assert difference < 0.5 * (own - own.mean((0, 1))).abs().mean()
    assert 0 <= likeness.colours.min() <= likeness.colours.max() <= 1


@pytest.mark.parametrize(
    ("photo", "style"), [("coffee", "circles_in_flight"), ("pagoda", "woodblock_wave"), ("tower", "swirling_night")]
)
def test_things_that_only_look_alike_have_no_likeness(photo: str, style: str, backbone: Backbone) -> None:
    painting = open_image(find_style(style, load_styles()).path)
    (compared,) = with_likeness(open_image(sample(photo)), [Region([(painting, 1.0)])], backbone)
    assert compared.likeness is None


def test_regions_have_their_own_likeness(portrait: Image.Image, backbone: Backbone) -> None:
    mask = Image.new("L", portrait.size)
    mask.paste(255, (0, 0, portrait.width // 2, portrait.height))
    inside, outside = with_likeness(portrait, [Region([(portrait, 1.0)], mask), Region([])], backbone)
    assert inside.likeness is not None
    assert outside.likeness is None
    assert not inside.likeness.degree[..., 8:].any()
    picture = torch.zeros(1, 3, 60, 64)
    degree = degree_of_likeness([inside, outside], picture)
    assert degree.shape == (1, 1, 60, 64)
    assert 0 <= degree.min() <= degree.max() <= 1
    assert degree[..., :20].mean() > 0.8
    assert not degree_of_likeness([outside], picture).any()


@pytest.mark.parametrize(
    ("photo", "style"),
    [
        (Image.new("RGB", (64, 64), "white"), Image.new("RGB", (64, 64))),
        (Image.new("RGB", (900, 40), "red"), Image.new("RGB", (40, 900), "blue")),
        (Image.effect_noise((64, 64), 50).convert("RGB"), Image.new("RGB", (300, 200), "blue")),
    ],
)
def test_flat_and_narrow_pictures(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    (compared,) = with_likeness(photo, [Region([(style, 1.0)])], backbone)
    assert degree_of_likeness([compared], to_tensor(photo)).isfinite().all()
    assert compared.likeness is None or compared.likeness.colours.isfinite().all()


def test_colours_of_a_blend_follow_the_shares(portrait: Image.Image, backbone: Backbone) -> None:
    """Two styles of the same forms, one of them red and the other blue."""
    grey = portrait.convert("L")
    red, blue = (
        Image.merge("RGB", [grey.point(lambda v, w=w: v * w) for w in weights]) for weights in ((1, 0, 0), (0, 0, 1))
    )

    def blueness(share: float) -> float:
        colours = _likeness(portrait, Region([(red, 1 - share), (blue, share)]), backbone).colours.mean((0, 2, 3))
        return float(colours[2] / colours.sum())

    assert 4 * blueness(0.1) < 2 * blueness(0.5) < blueness(0.9)
