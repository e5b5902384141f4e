"""The styles on offer: the plates in `examples/styles`, described by `examples/catalogue.toml`."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Plate:
    """A style image with its name in flags and links, what people read, and its best settings."""

    name: str
    path: Path
    title: str
    alt: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def plates(folder: Path = EXAMPLES) -> list[Plate]:
    """The plates a folder's catalogue lists, in its order; none where there is no catalogue."""
    catalogue = folder / "catalogue.toml"
    if not catalogue.is_file():
        return []
    entries = tomllib.loads(catalogue.read_text("utf-8"))
    return [
        Plate(
            name,
            folder / "styles" / f"{name}.jpg",
            entry["title"],
            entry.get("alt", ""),
            entry.get("settings", {}),
        )
        for name, entry in entries.items()
    ]
