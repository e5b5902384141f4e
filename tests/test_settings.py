from dataclasses import FrozenInstanceError, fields, replace

import pytest

from nst import RECIPES, Settings
from nst.settings import as_text


def test_defaults_are_valid_and_frozen() -> None:
    settings = Settings()
    assert settings == RECIPES["atelier"]
    with pytest.raises(FrozenInstanceError):
        settings.size = 128  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("size", 63, "64 to 8192"),
        ("size", 512.5, "whole number"),
        ("size", True, "64 to 8192"),
        ("strength", 1.01, "0.0 to 1.0"),
        ("strength", float("nan"), "0.0 to 1.0"),
        ("strength", "much", "0.0 to 1.0"),
        ("style_scale", 0.1, "0.25 to 4.0"),
        ("effort", "heroic", "quick, normal, fine"),
        ("pooling", "min", "max, average"),
        ("content_layers", "relu9_1=1", "relu5_4"),
        ("style_layers", {"relu1_1": -1}, "0 or more"),
        ("style_layers", 7, "LAYER=WEIGHT"),
        ("style_weights", "1,much", "with commas"),
        ("style_weights", (0, 0), "at least one above 0"),
        ("style_weights", (1, -1), "0 or more"),
        ("learning_rate", 2, "0.0001 to 1.0"),
        ("style_loss", "sum", "relative, gatys, mean"),
        ("seed", -1, "0 to"),
        ("seed", 10**400, "0 to"),
        ("style_weights", (10**400,), "with commas"),
        ("style_layers", {"relu1_1": 10**400}, "LAYER=WEIGHT"),
    ],
)
def test_a_bad_value_names_field_value_and_range(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)^{field} .*{message}"):
        Settings(**{field: value})


def test_strings_of_options_and_links_are_converted() -> None:
    settings = Settings(size="256", strength="0.25", content_layers="relu3_1, relu4_1=0.5")  # type: ignore[arg-type]
    assert (settings.size, settings.strength) == (256, 0.25)
    assert settings.content_layers == (("relu3_1", 1.0), ("relu4_1", 0.5))


def test_text_is_read_back() -> None:
    settings = Settings(style_weights="1, 2.5", content_layers={"relu3_1": 0.5}, pooling="average")  # type: ignore[arg-type]
    assert settings.style_weights == (1, 2.5)
    for recipe in (settings, *RECIPES.values()):
        assert Settings(**{name: as_text(value) for name, value in vars(recipe).items()}) == recipe


@pytest.mark.parametrize(("name", "old", "new"), [("effort", "instant", "one-pass"), ("init", "draft", "preview")])
def test_old_values_are_accepted(name: str, old: str, new: str) -> None:
    assert Settings(**{name: old}) == Settings(**{name: new})  # type: ignore[arg-type]
    assert getattr(Settings(**{name: old}), name) == new  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"{name} is \\['{old}'\\]"):
        Settings(**{name: [old]})  # type: ignore[arg-type]


def test_text_keeps_every_digit_and_weights_of_zero() -> None:
    settings = Settings(style_weights=(0.1234567, 1000001), style_layers={"relu1_1": 0, "conv2_1": 3})  # type: ignore[arg-type]
    assert as_text(settings.style_weights) == "0.1234567,1000001"
    assert as_text(settings.style_layers) == "relu1_1=0,conv2_1=3"
    assert replace(settings, style_layers=as_text(settings.style_layers)) == settings  # type: ignore[arg-type]
    assert replace(settings, size=256).style_layers == settings.style_layers


def test_every_setting_has_a_label_and_a_help_text() -> None:
    for spec in fields(Settings):
        assert spec.metadata["label"]
        assert spec.metadata["help"]


def test_the_one_pass_network_paints_no_posters() -> None:
    assert Settings(effort="one-pass", size=2048).in_one_pass
    assert Settings(effort="one-pass", steps=5, size=4096).size == 4096  # the optimiser paints
    with pytest.raises(ValueError, match="size is 4096; with the effort one-pass it takes 64 to 2048"):
        Settings(effort="one-pass", size=4096)
