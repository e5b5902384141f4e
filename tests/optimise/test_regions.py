import pytest
from PIL import Image

from nst import ImageError
from nst.optimise.regions import check_shape, divide, feathered


def test_a_feathered_mask_is_soft_on_its_edge_alone() -> None:
    mask = Image.new("RGB", (60, 40))
    mask.paste("white", (0, 0, 30, 40))
    soft = feathered(mask, (300, 200))
    assert (soft.mode, soft.size) == ("L", (300, 200))
    assert (soft.getpixel((100, 100)), soft.getpixel((200, 100))) == (255, 0)
    edge = [soft.getpixel((x, 100)) for x in range(140, 160)]
    assert edge == sorted(edge, reverse=True)
    assert len(set(edge)) > 10


def test_two_regions_fill_the_picture() -> None:
    mask = Image.linear_gradient("L")
    red, blue = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    inside, outside = divide([(red, 0.3), (blue, 0.7)], mask)
    assert (inside.styles, outside.styles) == ([(red, 1.0)], [(blue, 1.0)])
    assert inside.mask is mask
    assert outside.mask is not None
    assert outside.mask.getpixel((0, 10)) == 255 - mask.getpixel((0, 10))
    assert len(divide([(red, 1.0)], mask)) == 1
    with pytest.raises(ValueError, match="one style or two, not 3"):
        divide([(red, 1.0)] * 3, mask)


def test_another_shape_is_refused() -> None:
    check_shape(Image.new("L", (102, 100)), "the mask", (50, 50))
    with pytest.raises(ImageError, match="the mask is 110x100, another shape"):
        check_shape(Image.new("L", (110, 100)), "the mask", (50, 50))
