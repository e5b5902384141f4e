"""CSS, JavaScript and HTML that browsers receive."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def read(name: str, **values: Any) -> str:
    """A file's text; `"{{name}}"` in a script becomes the value of that name, as JSON."""
    text = (FOLDER / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f'"{{{{{key}}}}}"', json.dumps(value))
    return text
