"""The files of the static site."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nst.cli.main import main
from nst.gallery import load_photos, load_styles
from nst.page.ui.translations import languages
from nst.web.export import SITE, WEIGHTS

MAX_BYTES = 8_000_000
UNTRANSLATED = {"nst", "256", "512", "768", "1024"}


def test_the_site_is_complete_and_small(site: Path) -> None:
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < MAX_BYTES
    page = (site / "index.html").read_text("utf-8")
    assert "{{" not in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    references = re.findall(r'(?:src|href|value)="(\w[\w/-]*\.[a-z]+)"', page)
    assert len(references) > len(load_styles()) + 2 * len(load_photos())
    manifest = json.loads((site / "manifest.json").read_text("utf-8"))
    worker = (site / "offline.js").read_text("utf-8")
    kept = re.search(r'"(.*)".split', worker)[1].split()  # type: ignore[index]
    for name in (*references, *(icon["src"] for icon in manifest["icons"]), *kept, WEIGHTS):
        assert (site / name).exists(), name
    written = {file.relative_to(site).as_posix() for file in site.rglob("*") if file.is_file()}
    assert written - set(kept) == {"index.html", "offline.js", "README.md", WEIGHTS}
    assert (site / "README.md").read_text("utf-8").startswith("---\ntitle: nst\n")


def test_an_earlier_site_is_replaced(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(site, tmp_path, dirs_exist_ok=True)
    (tmp_path / "site.css").write_text("")
    assert main(["--export-web", str(tmp_path)]) == 0
    assert "MB" in capsys.readouterr().err
    assert (tmp_path / "site.css").read_text()
    # It has no link to a full app, and so another version, for which browsers make a new cache.
    version = re.compile(r"\$\{PREFIX\}([0-9a-f]{12})")
    worker, other = ((folder / "offline.js").read_text("utf-8") for folder in (site, tmp_path))
    assert version.findall(worker) != version.findall(other)


def test_other_files_are_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    for folder, reason in ((tmp_path, "holds other files"), (tmp_path / "letter.txt", "is a file")):
        with pytest.raises(SystemExit) as end:
            main(["--export-web", str(folder)])
        assert end.value.code == 2
        assert reason in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


class Texts(HTMLParser):
    """All texts of a page that a visitor reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.texts, self.hidden = set[str](), False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.hidden = tag in ("style", "script", "title")
        self.texts |= {value.strip() for name, value in attributes if name in ("alt", "aria-label") and value}

    def handle_data(self, data: str) -> None:
        if not self.hidden and re.search(r"\w", data):
            self.texts.add(data.strip())


def test_every_text_is_translated(site: Path) -> None:
    parser = Texts()
    parser.feed((site / "index.html").read_text("utf-8"))
    scripts = " ".join(" ".join(file.read_text("utf-8").split()) for file in SITE.glob("*.js"))
    credits = {text for text in parser.texts if text.startswith(": ")}
    used = parser.texts - credits - UNTRANSLATED | set(re.findall(r'\bt\(\s*"((?:[^"\\]|\\.)*)"', scripts))
    assert len(used) > 60
    for language in languages():
        words = json.loads((site / "words" / f"{language}.json").read_text("utf-8"))
        assert used - set(words) == set()
