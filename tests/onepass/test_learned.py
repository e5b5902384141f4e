"""The gallery's plates, which the network has learned better than it knew them."""

import pytest
import torch
from PIL import Image

from nst import OnePass
from nst.gallery import Plate, plates, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.onepass import styles
from nst.onepass.network import read_style
from nst.optimise.losses import gram
from nst.optimise.targets import without_edge

CPU = torch.device("cpu")
LAYERS = tuple(f"relu{block}_1" for block in range(1, 6))


def _away(plate: Plate) -> torch.Tensor:
    """How far what is known is from what the reader tells of a plate, by its length."""
    known = styles.numbers(CPU)
    told = read_style(styles.ready(without_edge(open_image(plate.path)), 1.0), known)
    return (known["learned.styles"] - told).norm(dim=1) / told.norm()


@pytest.mark.parametrize("plate", plates(), ids=lambda plate: plate.name)
def test_every_plate_is_known_and_taken_for_no_other(plate: Plate) -> None:
    nearest, next_one = sorted(_away(plate).tolist())[:2]
    assert nearest < styles._SAME / 2
    assert next_one > 2 * styles._SAME


def test_another_picture_is_taken_for_none() -> None:
    noise = Image.effect_noise((300, 200), 90).convert("RGB")
    known = styles.numbers(CPU)
    told = read_style(styles.ready(noise, 1.0), known)
    assert ((known["learned.styles"] - told).norm(dim=1) / told.norm()).min() > 2 * styles._SAME


@pytest.mark.parametrize("number", [0, 5, 10])
def test_what_was_learned_is_nearer_to_the_plate(
    number: int, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate, photo = plates()[number], open_image(sample("lion"))

    def look(picture: Image.Image) -> list[torch.Tensor]:
        features = backbone(to_tensor(picture), LAYERS)
        return [gram(features[layer]).float() for layer in LAYERS]

    target = look(fit(open_image(plate.path), 256))

    def away() -> float:
        pairs = zip(look(OnePass(plate.name, size=256)(photo)), target, strict=True)
        return float(sum((a - b).square().sum() / b.square().sum() for a, b in pairs))

    learned = away()
    monkeypatch.setattr(styles, "_SAME", 0.0)
    assert learned < 0.9 * away()
