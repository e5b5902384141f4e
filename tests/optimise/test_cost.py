from dataclasses import replace

import pytest

from nst import Settings
from nst.optimise.cost import (
    FORWARD_SHARE,
    METHOD_STEP,
    METHOD_STUDY,
    MIN_DEPTH_SHARE,
    STEP_OVERHEAD,
    depth_share,
    plan_work,
    remaining,
    run_work,
    scale_of,
)


def test_a_step_costs_its_pixels_and_an_overhead() -> None:
    settings, photo = Settings(size=256, steps=10), (1000, 500)
    coarse, fine = plan_work(settings, photo)
    assert [coarse[:2], fine[:2]] == [(128, 5), (256, 5)]
    assert coarse.step == pytest.approx(STEP_OVERHEAD + 128 * 64)
    assert fine.work == pytest.approx(fine.study + 5 * (STEP_OVERHEAD + 256 * 128))
    assert run_work(settings, photo) == pytest.approx(coarse.work + fine.work)


def test_the_features_of_the_styles_count() -> None:
    photo = (500, 500)
    [small] = plan_work(Settings(size=128, steps=1), photo)
    assert small.study == pytest.approx(FORWARD_SHARE * 128**2 * 2)
    [large] = plan_work(Settings(size=128, steps=1, style_scale=4), photo, styles=4)
    assert large.study == pytest.approx(FORWARD_SHARE * 128**2 * (1 + 4 * 16))


def test_deeper_layers_cost_more() -> None:
    def share(layers: str, content: str = "") -> float:
        settings = Settings(style_layers=layers, content_layers=content, coherence=0)  # type: ignore[arg-type]
        return depth_share(settings)

    assert depth_share(Settings()) == 1
    assert share("relu1_1=1") == MIN_DEPTH_SHARE
    assert MIN_DEPTH_SHARE < share("relu2_1=1") < share("relu3_4=1") < share("relu4_1=1") < 1
    assert share("relu5_4=1") > 1
    assert share("relu1_1=1", "relu4_2=1") == share("relu4_2=1")
    assert share("", "") == MIN_DEPTH_SHARE


def test_scales_are_counted_from_a_step_on() -> None:
    plan = plan_work(Settings(size=256, steps=10), (100, 100))
    assert [(scale.size, done) for scale, done in remaining(plan, 0)] == [(128, 0), (256, 0)]
    assert [(scale.size, done) for scale, done in remaining(plan, 3)] == [(128, 3), (256, 0)]
    assert [(scale.size, done) for scale, done in remaining(plan, 5)] == [(256, 0)]
    assert [(scale.size, done) for scale, done in remaining(plan, 7)] == [(256, 2)]
    assert [scale_of(plan, step).size for step in (1, 5, 6, 10)] == [128, 128, 256, 256]


def test_the_methods_of_papers_cost_more_than_the_network() -> None:
    photo, settings = (100, 100), Settings(size=64, steps=1)
    [plain], [strotss], [*_, nnst] = (
        plan_work(replace(settings, method=method), photo) for method in ("gram", "strotss", "nnst")
    )
    assert strotss.step == plain.step + METHOD_STEP["strotss"]
    assert strotss.study == plain.study
    assert nnst.step == plain.step + METHOD_STEP["nnst"]
    assert nnst.study == plain.study + METHOD_STUDY["nnst"] * 64**2
