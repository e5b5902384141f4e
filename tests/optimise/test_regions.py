import pytest
from PIL import Image

from nst import ImageError
from nst.images import fitted_size
from nst.optimise.regions import Region, binary_mask, check_shape, feather, restrict, split_by_mask


def test_feathering_softens_the_edge_only() -> None:
    mask = Image.new("L", (60, 40))
    mask.paste("white", (0, 0, 30, 40))
    soft = feather(mask, (300, 200))
    assert (soft.mode, soft.size) == ("L", (300, 200))
    assert (soft.getpixel((100, 100)), soft.getpixel((200, 100))) == (255, 0)
    edge = [soft.getpixel((x, 100)) for x in range(140, 160)]
    assert edge == sorted(edge, reverse=True)
    assert len(set(edge)) > 10


def test_a_nearly_black_mask_is_rejected() -> None:
    mask = Image.new("L", (600, 400))
    with pytest.raises(ImageError, match="black or transparent everywhere"):
        feather(mask, (300, 200))
    mask.putpixel((300, 200), 255)
    with pytest.raises(ImageError, match="next to nothing in white"):
        feather(mask, (300, 200))
    with pytest.raises(ImageError, match="next to nothing in white"):
        feather(Image.new("L", (60, 40), 1), (300, 200))  # zeros and ones
    mask.paste(255, (290, 190, 310, 210))
    assert feather(mask, (300, 200)).getextrema()[1] > 200


def test_regions_exclude_transparent_parts_of_a_photo() -> None:
    opaque = Image.new("L", (40, 20))
    opaque.paste(1, (0, 0, 20, 20))
    inside = Image.new("L", (40, 20), 100)
    regions = restrict([Region([]), Region([], inside)], binary_mask(opaque))
    for region, white in zip(regions, (255, 100), strict=True):
        assert region.mask is not None
        assert [region.mask.getpixel((x, 0)) for x in (5, 35)] == [white, 0]
    right_half = Image.new("L", (40, 20))
    right_half.paste(255, (20, 0, 40, 20))
    with pytest.raises(ImageError, match="only where the photo is transparent"):
        restrict([Region([], right_half)], binary_mask(opaque))


def test_two_regions_fill_the_picture() -> None:
    mask = Image.linear_gradient("L")
    red, blue = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    inside, outside = split_by_mask([(red, 0.3), (blue, 0.7)], mask)
    assert (inside.styles, outside.styles) == ([(red, 1.0)], [(blue, 1.0)])
    assert inside.mask is mask
    assert outside.mask is not None
    assert outside.mask.getpixel((0, 10)) == 255 - mask.getpixel((0, 10))
    assert len(split_by_mask([(red, 1.0)], mask)) == 1
    with pytest.raises(ValueError, match="one style or two, not 3"):
        split_by_mask([(red, 1.0)] * 3, mask)


def test_another_aspect_ratio_is_rejected() -> None:
    check_shape(Image.new("L", (102, 100)), "the mask", (50, 50))
    with pytest.raises(ImageError, match="the mask is 110x100, another shape"):
        check_shape(Image.new("L", (110, 100)), "the mask", (50, 50))


@pytest.mark.parametrize("photo", [(2000, 33), (33, 2000), (3000, 50), (1999, 1001), (640, 427)])
def test_rounding_to_whole_pixels_is_accepted(photo: tuple[int, int]) -> None:
    for size in range(1000, 2049, 7):
        painting = Image.new("L", fitted_size(photo, size))
        check_shape(painting, "the painting", photo)
    turned = Image.new("L", (photo[1], photo[0]))
    with pytest.raises(ImageError, match="another shape"):
        check_shape(turned, "the painting", photo)
