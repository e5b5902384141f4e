from dataclasses import replace

import pytest

from nst import RECIPES, Settings
from nst.optimise.schedule import scales, schedule


def test_the_schedule_has_the_requested_steps() -> None:
    assert scales(Settings(), 0.75) == [128, 256, 512]
    assert scales(Settings(), 0.1) == [512]
    assert scales(Settings(size=100), 1) == [100]
    assert scales(Settings(size=2048), 1)[-2:] == [1024, 2048]
    assert scales(Settings(scales=2), 1) == [256, 512]
    for size in (64, 200, 512, 2048):
        for steps in range(1, 40):
            plan = schedule(Settings(size=size, steps=steps), 0.75)
            assert sum(count for _, count in plan) == steps
            assert min(count for _, count in plan) >= 1
            assert plan[-1][0] == size


def test_a_painting_to_continue_gets_only_larger_scales() -> None:
    settings = Settings(size=256, steps=10)
    assert schedule(settings, 0.5) == [(128, 5), (256, 5)]
    assert schedule(settings, 0.5, start_size=128) == [(256, 10)]


def test_large_scales_have_few_steps() -> None:
    assert schedule(Settings(size=4096)) == [(128, 25), (256, 25), (512, 25), (1024, 25), (2048, 20), (4096, 8)]
    assert schedule(Settings(size=8192, effort="quick"))[-3:] == [(2048, 8), (4096, 4), (8192, 4)]
    assert schedule(Settings(size=4096, scales=1)) == [(4096, 42)]
    assert schedule(Settings(size=8192, scales=2)) == [(4096, 20), (8192, 8)]


@pytest.mark.parametrize(("method", "sizes"), [("strotss", [64, 128, 256]), ("nnst", [64, 128, 256, 256])])
def test_the_methods_of_papers_have_as_many_steps_at_each_scale(method: str, sizes: list[int]) -> None:
    for effort, steps in (("quick", 50), ("normal", 200), ("fine", 400)):
        settings = Settings(size=256, method=method, effort=effort)
        assert schedule(settings) == [(size, steps) for size in sizes]
    assert sum(steps for _, steps in schedule(Settings(size=256, method=method, steps=30))) == 30
    assert schedule(Settings(size=256, method=method, steps=2)) == [(256, 1), (256, 1)] or method == "strotss"
    assert schedule(Settings(size=256, method=method), start_size=256) == [(256, 200)]


def test_cnnmrf_has_three_scales() -> None:
    assert schedule(replace(RECIPES["cnnmrf"], size=384)) == [(96, 100), (192, 100), (384, 100)]
