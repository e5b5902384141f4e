import pytest
import torch

from nst.optimise.laplacian import compose, decompose, finest_detail, resize


@pytest.mark.parametrize("size", [(64, 48), (37, 21), (5, 3), (2, 2)])
def test_a_pyramid_is_the_picture(size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pyramid = decompose(picture, 8)
    assert torch.allclose(compose(pyramid), picture, atol=1e-12)
    assert pyramid[0].shape == picture.shape
    assert min(pyramid[-1].shape[2:]) < 4


def test_a_pyramid_has_at_most_its_levels() -> None:
    shapes = [level.shape[2:] for level in decompose(torch.zeros(1, 3, 64, 48), 2)]
    assert shapes == [(64, 48), (32, 24), (16, 12)]


def test_details_of_a_flat_picture_are_zero() -> None:
    flat = torch.full((1, 3, 20, 30), 0.3)
    assert finest_detail(flat).abs().max() < 1e-6
    assert torch.allclose(resize(flat, (7, 9)), torch.full((1, 3, 7, 9), 0.3))
