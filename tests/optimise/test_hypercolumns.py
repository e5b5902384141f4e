import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nst.optimise.hypercolumns import centred_unit_rows, nearest, random_grid, random_rows, sampled_rows


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("size", [(64, 48), (30, 200), (8, 8)])
def test_a_grid_has_about_as_many_different_positions_as_requested(size: tuple[int, int]) -> None:
    random = torch.Generator().manual_seed(0)
    grids = [random_grid(size, 256, random) for _ in range(8)]
    for grid in grids:
        assert 0.8 * min(256, size[0] * size[1]) < len(grid) < 1.25 * 256
        assert len(grid.unique(dim=0)) == len(grid)
        assert grid.min() >= 0
        assert (grid.amax(0) < torch.tensor(size)).all()
    if size != (8, 8):
        assert any(not torch.equal(grid, grids[0]) for grid in grids)


def test_sampled_features_are_those_of_the_enlarged_layer() -> None:
    features, size = _random(1, 5, 6, 4), (48, 32)
    enlarged = F.interpolate(features, size, mode="bilinear", align_corners=False)
    positions = random_grid(size, 100, torch.Generator().manual_seed(1))
    expected = enlarged[0, :, positions[:, 0], positions[:, 1]].T
    assert torch.allclose(sampled_rows(features, positions, size), expected, atol=1e-5)
    own = torch.cartesian_prod(torch.arange(6), torch.arange(4))
    assert torch.equal(sampled_rows(features, own, (6, 4)), features[0].flatten(1).T)


def test_neighbours_have_the_smallest_zero_centred_cosine_distance() -> None:
    a, b = _random(50, 7) + 3, _random(40, 7, seed=1) - 2
    x, y = (rows.numpy() - rows.numpy().mean(0) for rows in (a, b))
    similarity = x @ y.T / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(y, axis=1)
    assert nearest(centred_unit_rows(a), centred_unit_rows(b)).tolist() == (1 - similarity).argmin(1).tolist()


def test_a_sample_has_rows_of_its_source_once() -> None:
    rows = torch.arange(30.0)[:, None]
    sample = random_rows(rows, 10, torch.Generator().manual_seed(0))
    assert len(sample) == len(sample.unique()) == 10
    assert random_rows(rows, 30, torch.Generator()) is rows
