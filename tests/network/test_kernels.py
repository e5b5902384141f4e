import pytest
import torch
import torch.nn.functional as F

from nst.network.kernels import to_pixels


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (3, 10)])
def test_the_gradient_of_the_pixels_equals_the_convolution(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 8, height, width, generator=generator)
    weight = torch.randn(3, 8, 3, 3, generator=generator)
    expected = F.conv2d(x, weight, padding=2)
    gradient = to_pixels(weight)(x, None)
    assert gradient.shape == expected.shape
    assert torch.allclose(gradient, expected, rtol=1e-5, atol=1e-5)
