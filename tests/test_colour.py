import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst.colour import in_palette, map_colours, match_colours, match_lightness, tone_map, with_colours_of


def _rows(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, dtype=float).reshape(-1, 3)


def _lab(image: Image.Image) -> NDArray[np.float64]:
    """CIELAB by its definition (sRGB, Bradford-adapted to D50 as in ICC profiles)."""
    rgb = _rows(image) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
    )
    xyz = linear @ to_xyz.T / np.array([0.96422, 1.0, 0.82521])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def test_matched_colours_have_the_photos_mean_and_covariance(photo: Image.Image, style: Image.Image) -> None:
    matched, target = _rows(match_colours(style, photo)), _rows(photo)
    assert match_colours(style, photo).size == style.size
    # The photo's colours reach white and black, so a few of the moved colours are clipped.
    assert np.abs(matched.mean(0) - target.mean(0)).max() < 6
    assert np.allclose(np.cov(matched.T), np.cov(target.T), rtol=0.15, atol=150)
    before = np.abs(_rows(style).mean(0) - target.mean(0)).max()
    assert before > 20


def test_colours_of_a_uniform_photo_can_be_matched(style: Image.Image) -> None:
    grey = Image.new("RGB", (32, 32), (120, 130, 140))
    assert np.abs(_rows(match_colours(style, grey)).mean(0) - [120, 130, 140]).max() < 2
    assert np.abs(_rows(match_colours(grey, style)).mean(0) - _rows(style).mean(0)).max() < 2


def test_in_palette_matches_mean_and_covariance(photo: Image.Image, style: Image.Image) -> None:
    # Lower contrast, so that nothing is clipped.
    photo, style = (Image.blend(Image.new("RGB", i.size, "grey"), i, 0.5) for i in (photo, style))
    moved, target = _rows(in_palette(photo, [(style, 1.0)])), _rows(style)
    assert np.abs(moved.mean(0) - target.mean(0)).max() < 2
    assert np.allclose(np.cov(moved.T), np.cov(target.T), rtol=0.2, atol=60)


def test_a_palette_of_two_styles_is_weighted_by_shares(photo: Image.Image) -> None:
    red, blue = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    mean = _rows(in_palette(photo, [(red, 0.75), (blue, 0.25)])).mean(0)
    assert mean == pytest.approx([0.75 * 255, 0, 0.25 * 255], abs=30)
    assert np.ptp(_rows(in_palette(photo, [(red, 1.0)])), axis=0).max() < 40


def test_a_palette_changes_only_the_inside_of_its_mask(photo: Image.Image, style: Image.Image) -> None:
    inside = Image.new("L", photo.size, 0)
    inside.paste(255, (0, 0, photo.width // 2, photo.height))
    moved = in_palette(photo, [(style, 1.0)], inside)
    half, rest = (0, 0, photo.width // 2, photo.height), (photo.width // 2, 0, *photo.size)
    assert moved.crop(rest).tobytes() == photo.crop(rest).tobytes()
    alone = in_palette(photo.crop(half), [(style, 1.0)])
    assert np.abs(_rows(moved.crop(half)) - _rows(alone)).mean() < 3


def test_noise_is_not_amplified(style: Image.Image) -> None:
    noise = np.random.default_rng(0).normal(128, 2, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    assert _rows(in_palette(Image.fromarray(noise), [(style, 1.0)])).std(0).max() < 20
    assert _rows(match_colours(Image.fromarray(noise), style)).std(0).max() > 40


def test_matched_lightness_is_grey_with_the_photos_mean(photo: Image.Image, style: Image.Image) -> None:
    matched = match_lightness(style, photo)
    assert np.ptp(_rows(matched), axis=1).max() == 0
    assert np.asarray(matched).mean() / 255 * 100 == pytest.approx(_lab(photo)[:, 0].mean(), abs=2)


def test_with_colours_of_combines_lightness_and_chroma(photo: Image.Image) -> None:
    painting = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("L").convert("RGB")
    mixed, before = _lab(with_colours_of(photo, painting)), _lab(photo)
    assert np.abs(mixed[:, 0] - _lab(painting)[:, 0]).mean() < 1.5
    assert np.linalg.norm(mixed[:, 1:] - before[:, 1:], axis=1).mean() < 2


def _drawing(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Image.Image:
    """A noisy drawing in one ink on a paper."""
    lines = Image.effect_noise((200, 150), 120).convert("L")
    return Image.composite(Image.new("RGB", lines.size, paper), Image.new("RGB", lines.size, ink), lines)


@pytest.mark.parametrize(
    ("ink", "paper"), [((0, 0, 0), (255, 255, 255)), ((60, 30, 20), (240, 225, 190)), ((20, 40, 120), (250, 250, 240))]
)
def test_a_painting_after_a_drawing_has_its_tones(
    photo: Image.Image, ink: tuple[int, int, int], paper: tuple[int, int, int]
) -> None:
    tones = tone_map([(_drawing(ink, paper), 1.0)])
    assert tones
    pixels, line = (
        _rows(map_colours(photo, tones, 1.0)),
        np.subtract(paper, ink) / np.linalg.norm(np.subtract(paper, ink)),
    )
    offsets = pixels - ink
    across = offsets - np.outer(offsets @ line, line)
    inside = ((pixels > 0) & (pixels < 255)).all(1)
    assert inside.mean() > 0.5
    assert np.square(across[inside]).mean() < 2**2
    assert pixels.std(0).max() > 0.5 * _rows(photo).std(0).max()


def test_only_styles_in_one_tone_take_colours_away(photo: Image.Image, style: Image.Image) -> None:
    drawing = _drawing((0, 0, 0), (255, 255, 255))
    assert tone_map([(style, 1.0)]) is None
    assert tone_map([(drawing, 0.5), (style, 0.5)]) is None
    tones = tone_map([(drawing, 1.0)])
    assert tones
    assert np.array_equal(map_colours(photo, tones, 0.0), photo)
    half, full = (_rows(map_colours(photo, tones, share)) for share in (0.5, 1.0))
    assert np.abs(half - (_rows(photo) + full) / 2).max() <= 1


def test_a_uniform_style_leaves_light_and_dark(photo: Image.Image) -> None:
    tones = tone_map([(Image.new("RGB", (20, 20), (128, 128, 128)), 1.0)])
    assert tones
    pixels = _rows(map_colours(photo, tones, 1.0))
    assert np.ptp(pixels, axis=1).max() <= 1
    assert pixels.std() > 20
