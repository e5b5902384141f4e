import pytest
import torch
from PIL import Image

from nst.gallery import find_style, load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise.likeness import compare_photo
from nst.optimise.losses import gram, position_rows
from nst.optimise.matching import directions
from nst.optimise.objective import Objective
from nst.optimise.parts import PARTS, find_parts, part_bounds, part_weights, positions_within
from nst.optimise.regions import Parts, Region
from nst.optimise.targets import region_targets, style_targets
from nst.settings import Settings

LAYERS = ("relu1_1", "relu3_1")


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    return open_image(sample("astronaut"))


def _parts(photo: Image.Image, style: Image.Image, backbone: Backbone) -> Parts:
    (compared,) = compare_photo(photo, [Region([(style, 1.0)])], backbone)
    assert compared.parts is not None
    return compared.parts


def test_parts_are_those_of_the_same_thing(portrait: Image.Image, backbone: Backbone) -> None:
    mirrored = portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    parts = _parts(portrait, mirrored, backbone)
    of_photo, [of_style] = parts.of_photo, parts.of_styles
    assert of_photo.shape == of_style.shape == (1, PARTS, 32, 26)
    assert of_photo.mean((0, 2, 3)).min() > 0.1
    assert (of_photo.argmax(1) == of_style.flip(3).argmax(1)).float().mean() > 0.8


def test_parts_are_the_same_each_time(portrait: Image.Image, backbone: Backbone) -> None:
    assert torch.equal(*(_parts(portrait, portrait, backbone).of_photo for _ in range(2)))


def test_the_sky_of_a_photo_belongs_to_another_part_than_its_meadow(backbone: Backbone) -> None:
    photo = open_image(sample("mountains"))
    painting = open_image(find_style("swirling_night", load_styles()).path)
    parts = _parts(photo, painting, backbone)
    weights, of_style = part_weights(parts.of_photo, to_tensor(photo)), parts.of_styles[0]
    height, half = weights.shape[2], of_style.shape[2] // 2
    meadow = weights[..., -height // 4 :, :].mean((0, 2, 3)).argmax()
    assert weights[:, meadow, -height // 4 :].mean() > 0.6
    assert weights[:, meadow, : height // 4].mean() < 0.3
    assert of_style[:, meadow, half:].mean() > 2 * of_style[:, meadow, :half].mean()


def test_clusters_are_found() -> None:
    random = torch.Generator().manual_seed(1)
    directions = torch.eye(PARTS, 8)
    rows = directions.repeat_interleave(50, 0) + 0.05 * torch.randn(50 * PARTS, 8, generator=random)
    parts = find_parts([torch.nn.functional.normalize(rows)])
    assert (parts @ directions.T).amax(0).min() > 0.99


@pytest.mark.parametrize("size", [(40, 30), (300, 20), (700, 500)])
def test_weights_follow_the_edges_of_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    picture = torch.zeros(1, 3, height, width)
    edge = width // 2 + max(1, width // 100)
    picture[..., :edge] = 1
    coarse = torch.full((1, PARTS, 2, 8), 0.01)
    coarse[:, 0, :, :4] = coarse[:, 1, :, 4:] = 0.98
    weights = part_weights(coarse, picture)
    assert weights.shape == (1, PARTS, height, width)
    assert torch.allclose(weights.sum(1), torch.ones(1, height, width))
    assert weights[:, 0, :, : width // 4].min() > 0.9
    assert weights[:, 1, :, -width // 4 :].min() > 0.9
    assert float(weights[:, 0, :, edge - 1].mean() - weights[:, 0, :, edge].mean()) > 0.15


def test_each_position_belongs_to_one_part_as_often_as_its_weights_say() -> None:
    shares = torch.tensor([0.2, 0.5, 0.3])
    weights = shares.view(1, 3, 1, 1).expand(1, 3, 40, 60)
    found = [positions_within(bounds) for bounds in part_bounds(weights)]
    assert torch.equal(torch.cat(found).sort().values, torch.arange(40 * 60))
    for positions, share in zip(found, shares.tolist(), strict=True):
        assert len(positions) == pytest.approx(share * 40 * 60, abs=20)
        rows, columns = positions // 60, positions % 60
        quarter = (rows < 20) & (columns < 30)
        assert int(quarter.sum()) == pytest.approx(share * 600, abs=20)


def test_a_part_is_never_empty() -> None:
    weights = torch.tensor([[0.999, 0.001], [0.999, 0.001]]).T.view(1, 2, 2, 1)
    assert [len(positions_within(bounds)) for bounds in part_bounds(weights)] == [2, 1]


def test_a_mask_leaves_positions_out() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    found = torch.cat([positions_within(bounds) for bounds in part_bounds(torch.full((1, 2, 8, 8), 0.5), mask)])
    assert sorted(found.tolist()) == [8 * row + column for row in range(8) for column in range(4)]


def test_targets_of_a_part_are_those_of_its_positions(style: Image.Image, backbone: Backbone) -> None:
    small = fit(style, 96)
    weights = torch.zeros(1, 2, small.height, small.width)
    weights[:, 0, :, :48] = weights[:, 1, :, 48:] = 1
    bounds = part_bounds(weights)[0]
    found = style_targets(small, 1.0, Settings(), LAYERS, ("relu3_1",), backbone, bounds=bounds)
    for k, features in backbone(to_tensor(small), LAYERS).items():
        left = features[..., : features.shape[3] // 2].contiguous()
        assert torch.allclose(found.grams[k], gram(left), rtol=1e-3, atol=1e-4 * float(gram(left).abs().max()))
        if k == "relu3_1":
            own = directions(left).T
            assert (found.directions[k] @ own).amax(1).min() > 0.999


def test_gram_of_some_positions_and_its_gradient() -> None:
    features = torch.randn(1, 5, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    features.requires_grad_()
    inside = torch.tensor([0, 3, 17, 41])
    rows = position_rows(features, inside)
    assert torch.allclose(gram(features, inside), rows.T @ rows / 4)
    assert torch.autograd.gradcheck(lambda x: gram(x, inside), features)


def test_the_first_scales_compare_parts(portrait: Image.Image, backbone: Backbone) -> None:
    painting = open_image(find_style("swirling_night", load_styles()).path)
    regions = compare_photo(portrait, [Region([(painting, 1.0)])], backbone)
    photo = to_tensor(fit(portrait, 64))

    def targets(size: int, settings: Settings) -> int:
        return len(Objective(photo, regions, size, settings, backbone)._targets)

    assert 2 < targets(64, Settings(size=512)) <= 1 + PARTS
    last, all_style = Settings(size=64), Settings(strength=1.0)
    assert targets(64, last) == targets(64, all_style) == targets(512, Settings(size=1024)) == 1
    masks = [t.mask for t in region_targets(regions[0], photo, 64, Settings(), (), backbone, lambda: None, True)]
    assert masks[0] is None
    assert torch.stack([m for m in masks if m is not None]).sum(0).mean() > 0.95


def test_parts_stay_inside_a_mask(portrait: Image.Image, backbone: Backbone) -> None:
    mask = Image.new("L", portrait.size)
    mask.paste(255, (0, 0, portrait.width // 2, portrait.height))
    regions = compare_photo(portrait, [Region([(portrait, 1.0)], mask)], backbone)
    photo = to_tensor(fit(portrait, 64))
    objective = Objective(photo, regions, 64, Settings(), backbone)
    _, gradient = objective(photo.clone())
    middle = photo.shape[3] // 2
    assert not gradient[..., middle + 1 :].any()
    assert gradient[..., : middle - 1].any()
