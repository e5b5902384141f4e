"""nst: neural style transfer. It paints a photo in the style of a painting, step by step."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nst import process as process

if TYPE_CHECKING:
    from nst.images import ImageError
    from nst.network.vgg import load_backbone
    from nst.one_pass import OnePass, preview
    from nst.optimise.recorder import Frame
    from nst.optimise.stylize import stylize
    from nst.recipes import RECIPES
    from nst.settings import Settings
else:
    _MODULES = {
        "RECIPES": "nst.recipes",
        "Frame": "nst.optimise.recorder",
        "ImageError": "nst.images",
        "OnePass": "nst.one_pass",
        "Settings": "nst.settings",
        "load_backbone": "nst.network.vgg",
        "preview": "nst.one_pass",
        "stylize": "nst.optimise.stylize",
    }

    def __getattr__(name: str) -> Any:
        """Import on first use: PyTorch takes seconds, and not every program needs it."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


__all__ = ["RECIPES", "Frame", "ImageError", "OnePass", "Settings", "load_backbone", "preview", "stylize"]
__version__ = "0.2.0"
