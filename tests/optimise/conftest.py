import pytest

from nst.optimise import schedule


@pytest.fixture
def two_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    """A size of 128 has two scales, as 256 has otherwise: four times less work."""
    monkeypatch.setattr(schedule, "COARSEST", 64)
