import pytest
import torch

from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise.tiling import reach, stride_of, tiles

HEIGHT, WIDTH = 150, 182


def test_a_tile_has_the_features_of_the_whole() -> None:
    exact = Backbone(bundled_weights(), torch.device("cpu"), Arithmetic(torch.float32))
    pixels, layers = torch.rand(1, 3, HEIGHT, WIDTH), ["relu1_1", "relu3_1", "relu5_1"]
    whole = exact(pixels, layers)
    for tile in tiles((HEIGHT, WIDTH), 64, *reach(layers, exact.blocks)):
        for k, features in exact(tile.crop(pixels), layers).items():
            top, bottom, left, right = tile.core_at(stride_of(k), (HEIGHT, WIDTH))
            core = tile.core_of(features, stride_of(k), (HEIGHT, WIDTH))
            torch.testing.assert_close(core, whole[k][..., top:bottom, left:right], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("layers", "blocks", "expected"),
    [
        (["relu5_1", "relu1_1"], (2, 2, 3, 3, 3), (64, 16)),
        (["conv5_1"], (2, 2, 4, 4, 4), (80, 16)),
        (["relu3_1"], (2, 2, 3, 3, 3), (12, 4)),
        ([], (2, 2, 3, 3, 3), (1, 1)),
    ],
)
def test_reach_by_hand(layers: list[str], blocks: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert reach(layers, blocks) == expected


@pytest.mark.parametrize("whole", [(150, 214), (1, 1), (64, 65), (513, 64)])
def test_cores_cover_the_picture_once(whole: tuple[int, int]) -> None:
    covered = torch.zeros(whole)
    for tile in tiles(whole, 64, 16, 16):
        tile._replace(outer=tile.core).crop(covered).add_(1)
    assert (covered == 1).all()
