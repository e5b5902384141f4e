"""Code in C++ on machines that can compile it, and on others."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nst.network import compiled
from nst.network.compiled import library, operation
from nst.network.fused_convolution import is_available, supports
from nst.network.pooling import pool


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing is compiled yet in this process, and nothing of the test stays."""
    for function in (library, is_available):
        function.cache_clear()
    yield
    for function in (library, is_available):
        function.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_it_is_compiled_once_for_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if library("features") is None:
        pytest.skip("no compiler here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library.cache_clear()
    assert library("features") is not None
    [file] = (tmp_path / "nst").iterdir()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was compiled again"))
    library.cache_clear()
    assert library("features") is not None
    assert [*file.parent.iterdir()] == [file]


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    "reason", ["no compiler", "a compiler that fails", "no folder", "a damaged file", "a folder for all", "macOS"]
)
def test_without_it_there_is_no_error(reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if reason == "no compiler":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif reason == "a compiler that fails":
        monkeypatch.setattr(compiled, "COMPILERS", ("false",))
    elif reason == "no folder":
        (tmp_path / "nst").write_text("a file")
    elif reason == "a damaged file":
        (tmp_path / "nst").mkdir()
        monkeypatch.setattr(compiled, "_version", lambda *_: "1")
        for name in ("winograd", "features"):
            (tmp_path / f"nst/{name}-1.so").write_text("no library")
    elif reason == "a folder for all":
        (tmp_path / "nst").mkdir()
        (tmp_path / "nst").chmod(0o777)
    else:
        monkeypatch.setattr("sys.platform", "darwin")
    assert not is_available(torch.float32, True)
    assert not supports(torch.zeros(64, 64, 3, 3), torch.float32, True)
    features = torch.rand(1, 64, 4, 4)
    assert operation("pool", features) is None
    assert pool(features, "max")[0].shape == (1, 64, 2, 2)
