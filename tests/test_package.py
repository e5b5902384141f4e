"""The package's metadata agree with the files that hold the same facts."""

import re
import tomllib
from pathlib import Path

import pytest

import nst

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _lines(name: str) -> list[str]:
    return (ROOT / name).read_text("utf-8").split()


def test_dependencies_are_those_of_requirements_txt() -> None:
    assert PYPROJECT["project"]["dependencies"] == _lines("requirements.txt")


@pytest.mark.parametrize(("extra", "file"), [("dev", "requirements-dev.txt"), ("ray", "deploy/requirements-ray.txt")])
def test_an_extra_has_the_lines_of_its_requirements_file(extra: str, file: str) -> None:
    assert PYPROJECT["project"]["optional-dependencies"][extra] == _lines(file)


def test_the_space_runs_the_version_of_gradio_that_is_required() -> None:
    version = re.search(r"^sdk_version: (.+)$", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert version
    assert f"gradio[mcp]=={version[1]}" in PYPROJECT["project"]["dependencies"]


@pytest.mark.parametrize(
    ("file", "pattern"), [("CHANGELOG.md", r"^## \[(\d[^]]*)\]"), ("CITATION.cff", r"^version: (.+)$")]
)
def test_the_version_is_the_same_everywhere(file: str, pattern: str) -> None:
    version = re.search(pattern, (ROOT / file).read_text("utf-8"), re.M)
    assert version
    assert version[1] == nst.__version__


def test_every_packaged_file_exists() -> None:
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    missing = [source for source in wheel["force-include"] if not (ROOT / source).exists()]
    assert not missing


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_links_in_the_documentation_lead_to_files_and_headings(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (heading and heading not in _anchors(file)):
            broken.append(target)
    assert not broken


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
