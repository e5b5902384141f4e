import pytest
import torch
import torch.nn.functional as F

from nst.network import winograd
from nst.network.winograd import Winograd1d, Winograd2d


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (16, 10), (30, 9)])
@pytest.mark.parametrize("bands", [(winograd.BAND_1D, winograd.BAND_2D), (1, 6)])
def test_winograd_equals_the_direct_convolution(
    height: int, width: int, bands: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "BAND_1D", bands[0])
    monkeypatch.setattr(winograd, "BAND_2D", bands[1])
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(1, 8, height, width, generator=generator)
    weight, bias = torch.randn(5, 8, 3, 3, generator=generator), torch.rand(5)
    expected = F.conv2d(x, weight, bias, padding=1)
    both = Winograd2d(weight, torch.float32)
    for convolve in (both.forward, Winograd1d(weight, torch.float32)):
        assert convolve(x, bias).shape == expected.shape
        assert torch.allclose(convolve(x, bias), expected, rtol=1e-4, atol=1e-4)
    push = torch.randn(expected.shape, generator=generator)
    truth = F.conv_transpose2d(push, weight, padding=1)
    assert torch.allclose(both.backward(push, None), truth, rtol=1e-4, atol=1e-4)
