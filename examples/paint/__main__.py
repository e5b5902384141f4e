"""Paint the gallery's styles again: ``python -m examples.paint [NAME ...]``; without names, all."""

import importlib
import pkgutil
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STYLES = HERE.parent / "styles"
NAMES = sorted(
    module.name for module in pkgutil.iter_modules([str(HERE)]) if not module.ispkg and not module.name.startswith("_")
)


def main(names: list[str]) -> int:
    """Paint the named styles into ``examples/styles``, and return the exit code."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no such style: {', '.join(unknown)} (known: {', '.join(NAMES)})", file=sys.stderr)
        return 2
    for name in names or NAMES:
        module = importlib.import_module(f"{__package__}.{name}")
        rng = np.random.default_rng(list(name.encode()))
        path = STYLES / f"{name}.jpg"
        module.paint(rng).save(path, quality=90, subsampling="4:2:0", optimize=True)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
