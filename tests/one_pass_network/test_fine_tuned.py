"""The fine-tuned parameters of the built-in styles."""

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


def _distances(image: Image.Image) -> torch.Tensor:
    """Relative distances of the image's embedding from those of the built-in styles."""
    weights = styles.load_weights(torch.device("cpu"))
    embedding = encode_style(styles.preprocess(image, 1.0), weights)
    return (weights["fine_tuned.embeddings"] - embedding).norm(dim=1) / embedding.norm()


@pytest.mark.parametrize("number, style", enumerate(load_styles()), ids=lambda value: getattr(value, "name", ""))
def test_every_built_in_style_is_recognised_as_itself_only(number: int, style: Style) -> None:
    """Browsers know a built-in style by its number in the gallery."""
    distances = _distances(without_edge(open_image(style.path)))
    nearest, second = sorted(distances.tolist())[:2]
    assert distances.argmin() == number
    assert nearest < 1e-4
    assert second > 2 * styles._SAME_STYLE


def test_another_picture_is_not_recognised_as_a_built_in_style() -> None:
    noise = Image.effect_noise((300, 200), 90).convert("RGB")
    assert _distances(noise).min() > 2 * styles._SAME_STYLE


@pytest.mark.parametrize("name", ["swirling_night", "charcoal_hatching"])
def test_fine_tuning_lowers_the_loss(name: str, backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimiser's loss, on a photo that was not used for training."""
    style = find_style(name, load_styles())
    photo = fit(open_image(sample("lion")), 512).crop((128, 0, 384, 256))
    region = Region([(without_edge(open_image(style.path)), 1.0)])
    settings = Settings(size=512, coherence=0, strength=0.65)
    objective = Objective(to_tensor(photo), [region], 512, settings, backbone)

    def loss() -> float:
        return objective(to_tensor(OnePass(name, size=256)(photo)))[0]["total"]

    fine_tuned = loss()
    monkeypatch.setattr(styles, "_SAME_STYLE", 0.0)
    assert fine_tuned < 0.97 * loss()
