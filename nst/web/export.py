"""A static site that paints in the visitor's browser: `nst --export-web FOLDER`."""

import hashlib
import html
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from nst.errors import InputError
from nst.gallery import EXAMPLES, Photo, Style, load_photos, load_styles
from nst.images import fit, open_image
from nst.web.files import write_files

SITE = Path(__file__).parent / "site"
LICENCE = Path(__file__).parent.parent / "data" / "anystyle.LICENSE"  # of the network
WEIGHTS = "web/network.safetensors"
FILLED = "index.html", "offline.js", "README.md"  # with {{names}} of values in them

THUMBNAIL, SAMPLE, PHOTO_SIZE = 192, 128, 1024  # pixels
WELCOME_SIZES = 640, 960
ICON_STYLE, ICON_BOX = "swirling_night", (20, 0, 336, 316)  # its largest star, in pixels

Words = Mapping[str, Mapping[str, str]]
"""Language -> English text -> translation."""


def export(folder: Path, words: Words, full_app: str = "") -> int:
    """Write the site and return its size in bytes. It replaces an earlier export.

    `full_app` is the address of the page that paints with the optimiser; without it the site has no
    link to it. Raises InputError for a folder that holds something else, OSError if it can't be
    written.
    """
    _check_folder(folder)
    with tempfile.TemporaryDirectory() as name:
        site = Path(name) / "site"  # with usual permissions, unlike the temporary folder
        site.mkdir()
        _write(site, words, full_app)
        shutil.copytree(site, folder, dirs_exist_ok=True)
        return sum(file.stat().st_size for file in _files(site))


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{str(folder)!r} is a file; name a folder for the site")
    is_export = (folder / "offline.js").is_file() and (folder / WEIGHTS).is_file()
    if folder.is_dir() and any(folder.iterdir()) and not is_export:
        raise InputError(f"{str(folder)!r} holds other files; name a new folder, or one with an earlier site")


def _write(site: Path, words: Words, full_app: str) -> None:
    styles, photos = load_styles(), load_photos()
    (site / "web").mkdir()
    write_files(site / "web")
    shutil.copyfile(LICENCE, site / "web" / "network.LICENSE")
    (site / "pictures").mkdir()
    for style in styles:
        _save(_square(style.path, THUMBNAIL), site / f"pictures/{style.name}.webp")
    for photo in photos:
        _save(fit(open_image(photo.path), PHOTO_SIZE), site / f"pictures/{photo.name}.webp")
        _save(_square(photo.path, SAMPLE), site / f"pictures/{photo.name}-small.webp")
    welcome = open_image(EXAMPLES / "results" / "bands.jpg")
    for size in WELCOME_SIZES:
        _save(fit(welcome, size), site / f"pictures/welcome-{size}.webp")
    shutil.copyfile(EXAMPLES / "favicon.png", site / "pictures/favicon.png")
    for side in (192, 512):
        _icon(styles, side).save(site / f"pictures/icon-{side}.png", optimize=True)
    page = {
        "languages": " ".join(words),
        "full_app": _full_app(full_app),
        "styles": "\n".join(_style_html(index, style) for index, style in enumerate(styles)),
        "samples": "".join(map(_sample_html, photos)),
        "credits": "".join(map(_credit_html, photos)),
        "welcome": f"pictures/welcome-{WELCOME_SIZES[-1]}.webp",
        "welcome_sources": ", ".join(f"pictures/welcome-{size}.webp {size}w" for size in WELCOME_SIZES),
        "welcome_width": str(welcome.width),
        "welcome_height": str(welcome.height),
    }
    for file in SITE.iterdir():
        if file.name not in FILLED:
            shutil.copyfile(file, site / file.name)
    (site / "index.html").write_text(_filled("index.html", page), "utf-8")
    _write_words(site, words)
    # The service worker names all files, and the README is no part of the site.
    (site / "offline.js").write_text(_filled("offline.js", _offline(site)), "utf-8")
    (site / "README.md").write_text(_filled("README.md", {"credits": "\n".join(map(_credit, photos))}), "utf-8")


def _files(site: Path) -> list[Path]:
    return sorted(file for file in site.rglob("*") if file.is_file())


def _filled(name: str, values: Mapping[str, str]) -> str:
    """A file of the site with each {{name}} replaced."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], (SITE / name).read_text("utf-8"))


def _write_words(site: Path, words: Words) -> None:
    """The translations of the texts that occur in the site, one file for each language."""
    texts = "\n".join(file.read_text("utf-8") for file in _files(site) if file.suffix in (".html", ".js"))
    texts = " ".join(html.unescape(texts).split())
    (site / "words").mkdir()
    for language, translations in words.items():
        used = {english: other for english, other in translations.items() if english in texts}
        file = site / f"words/{language}.json"
        file.write_text(json.dumps(used, ensure_ascii=False, separators=(",", ":")), "utf-8")


def _offline(site: Path) -> dict[str, str]:
    """What the service worker keeps, and a version that changes with any of the files."""
    files = {file.relative_to(site).as_posix(): file.read_bytes() for file in _files(site)}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    weights = hashes.pop(WEIGHTS)
    script = (SITE / "offline.js").read_text("utf-8")
    names = ["./" if name == "index.html" else name for name in hashes]
    return {
        "version": hashlib.sha256((script + json.dumps(hashes)).encode()).hexdigest()[:12],
        "weights": WEIGHTS,
        "weights_version": weights[:12],
        "files": " ".join(names),
    }


def _style_html(index: int, style: Style) -> str:
    title, tradition = html.escape(style.title), html.escape(style.tradition)
    return (
        f'<li data-index="{index}" data-tradition="{tradition}">'
        '<button type="button" class="style" aria-pressed="false">'
        f'<span class="thumb"><img src="pictures/{style.name}.webp" alt="" width="{THUMBNAIL}" height="{THUMBNAIL}"'
        f' loading="lazy" fetchpriority="low"><canvas></canvas></span><span class="name">{title}</span></button></li>'
    )


def _sample_html(photo: Photo) -> str:
    return (
        f'<button type="button" value="pictures/{photo.name}.webp" aria-label="{html.escape(photo.title)}">'
        f'<img src="pictures/{photo.name}-small.webp" alt="" width="{SAMPLE}" height="{SAMPLE}"></button>'
    )


def _credit(photo: Photo) -> str:
    return f"- {photo.title}: {photo.credit}, {photo.licence}"


def _credit_html(photo: Photo) -> str:
    return f"<p><span>{html.escape(photo.title)}</span>: {html.escape(photo.credit)}, {html.escape(photo.licence)}</p>"


def _full_app(address: str) -> str:
    if not address:
        return ""
    return f'<a href="{html.escape(address)}" target="_blank" rel="noopener">Paint it finer in the full app</a>'


def _icon(styles: Sequence[Style], side: int) -> Image.Image:
    picture = open_image(next(style.path for style in styles if style.name == ICON_STYLE))
    return picture.resize((side, side), Image.Resampling.LANCZOS, ICON_BOX).quantize(128)


def _square(path: Path, side: int) -> Image.Image:
    picture = open_image(path)
    part = min(picture.size)
    left, top = (picture.width - part) // 2, (picture.height - part) // 2
    return picture.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + part, top + part))


def _save(picture: Image.Image, file: Path) -> None:
    picture.save(file, quality=76, method=6)
