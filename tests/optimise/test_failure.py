from typing import Any

import pytest
from PIL import Image

from nst import Settings, stylize
from nst.network.vgg import Backbone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style_weight": 1e12, "style_loss": "gatys", "init": "noise"}, "no better"),
        ({"style_layers": (("relu1_1", 1e39),)}, "no finite number"),
        ({"optimizer": "adam", "learning_rate": 1.0}, "worse than it began"),
        ({"strength": 0.0}, ""),
        ({"strength": 0.0, "smoothness": 0.0}, ""),
        ({"style_weight": 0.0}, ""),
        ({"optimizer": "adam", "steps": 1}, ""),
    ],
)
def test_a_run_that_improves_nothing_says_why(
    photo: Image.Image, style: Image.Image, backbone: Backbone, options: dict[str, Any], message: str
) -> None:
    settings = Settings(**{"size": 64, "steps": 4} | options)
    *earlier, last = stylize(photo, [style], settings, backbone)
    assert not any(frame.failed for frame in earlier)
    assert message in last.failed
    assert bool(message) == bool(last.failed)
