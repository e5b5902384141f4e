"""The gallery's plates, which the network has learned better than it knew them."""

import pytest
import torch
from PIL import Image

from nst import OnePass, Settings
from nst.gallery import Style, find_style, load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.one_pass_network import styles
from nst.one_pass_network.network import encode_style
from nst.optimise.objective import Objective
from nst.optimise.regions import Region
from nst.optimise.targets import without_edge

CPU = torch.device("cpu")


def _away(plate: Style) -> torch.Tensor:
    """How far what is known is from what the reader tells of a plate, by its length."""
    known = styles.load_weights(CPU)
    told = encode_style(styles.preprocess(without_edge(open_image(plate.path)), 1.0), known)
    return (known["fine_tuned.styles"] - told).norm(dim=1) / told.norm()


@pytest.mark.parametrize("plate", load_styles(), ids=lambda plate: plate.name)
def test_every_plate_is_known_and_taken_for_no_other(plate: Style) -> None:
    nearest, next_one = sorted(_away(plate).tolist())[:2]
    assert nearest < styles._SAME_STYLE / 2
    assert next_one > 2 * styles._SAME_STYLE


def test_another_picture_is_taken_for_none() -> None:
    noise = Image.effect_noise((300, 200), 90).convert("RGB")
    known = styles.load_weights(CPU)
    told = encode_style(styles.preprocess(noise, 1.0), known)
    assert ((known["fine_tuned.styles"] - told).norm(dim=1) / told.norm()).min() > 2 * styles._SAME_STYLE


@pytest.mark.parametrize("name", ["swirling_night", "stained_glass", "charcoal_hatching"])
def test_what_was_learned_is_a_better_picture(name: str, backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the painter's own losses, on a photo that it has not learned from."""
    plate = find_style(name, load_styles())
    photo = fit(open_image(sample("lion")), 512).crop((128, 0, 384, 256))
    region = Region([(without_edge(open_image(plate.path)), 1.0)])
    settings = Settings(size=512, coherence=0, strength=0.65)
    judge = Objective(to_tensor(photo), [region], 512, settings, backbone)

    def loss() -> float:
        return judge(to_tensor(OnePass(name, size=256)(photo)))[0]["total"]

    learned = loss()
    monkeypatch.setattr(styles, "_SAME_STYLE", 0.0)
    assert learned < 0.97 * loss()
