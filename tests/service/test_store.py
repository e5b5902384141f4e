import time
from pathlib import Path

import pytest

from nst.service.store import PREVIEW_SECONDS, Painting, Store
from nst.sharing import ShareLink


def _painting(store: Store, owner: str, size: int = 1000) -> Painting:
    folder = store.new_folder()
    file = folder / "a.png"
    file.write_bytes(bytes(size))
    painting = Painting(folder=folder, file=file, before=file, photo="", link=ShareLink(), owner=owner)
    store.keep(painting)
    return painting


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", quota=2500, total=12_000, keep=3600)


def _there(*paintings: Painting) -> list[bool]:
    return [painting.file.exists() for painting in paintings]


def test_each_visitor_has_a_quota(store: Store) -> None:
    one = [_painting(store, "one") for _ in range(3)]
    two = [_painting(store, "two") for _ in range(2)]
    assert _there(*one, *two) == [False, True, True, True, True]
    assert store.find(one[0].token) is None
    assert store.find(one[1].token) is one[1]


def test_the_latest_stays_whatever_its_size(store: Store) -> None:
    painting = _painting(store, "one", 5000)
    assert _there(painting) == [True]


def test_all_together_have_half_of_the_limit(store: Store) -> None:
    paintings = [_painting(store, f"visitor {n}") for n in range(9)]
    assert _there(*paintings) == [False] * 3 + [True] * 6


def test_pictures_shown_on_the_way_go_when_they_have_been_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    painting = _painting(store, "one")
    (painting.folder / "1.jpg").write_bytes(b"x")
    store.sweep()
    assert (painting.folder / "1.jpg").exists()
    later = time.monotonic() + PREVIEW_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    store.sweep()
    assert not (painting.folder / "1.jpg").exists()
    assert painting.file.exists()


def test_what_is_old_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _painting(store, "one")
    later = time.monotonic() + 4000
    monkeypatch.setattr(time, "monotonic", lambda: later)
    _painting(store, "two")
    assert _there(old) == [False]


def test_who_leaves_and_who_comes_back(store: Store) -> None:
    mine, others, taken_along = (_painting(store, owner) for owner in ("one", "two", "one"))
    store.hand_over(taken_along, "one, later")
    store.release("one")
    assert _there(mine, others, taken_along) == [False, True, True]


def test_the_end_leaves_nothing(store: Store) -> None:
    _painting(store, "one")
    store.close()
    assert not store.root.exists()
