import pytest
import torch
import torch.nn.functional as F

from nst.network.kernels import to_pixels


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (3, 10)])
def test_the_way_back_to_pixels_is_the_convolution(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 8, height, width, generator=generator)
    weight = torch.randn(3, 8, 3, 3, generator=generator)
    expected = F.conv2d(x, weight, padding=2)
    found = to_pixels(weight)(x, None)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)
