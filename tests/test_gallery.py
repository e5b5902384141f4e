from pathlib import Path

from PIL import Image

from nst import Settings
from nst.gallery import plates


def test_every_plate_is_there_and_can_be_painted_with() -> None:
    found = plates()
    assert len(found) >= 3
    assert len({plate.name for plate in found}) == len(found)
    for plate in found:
        assert Image.open(plate.path).size == (1024, 1024), plate.name
        assert plate.title
        assert plate.alt
        Settings(**plate.settings)


def test_a_folder_without_a_catalogue_has_no_plates(tmp_path: Path) -> None:
    assert plates(tmp_path) == []
