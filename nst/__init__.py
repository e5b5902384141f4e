"""nst: neural style transfer, a photo and a painting style -> a painting, step by step."""

from nst.backbone import load_backbone
from nst.images import ImageError
from nst.recipes import RECIPES
from nst.settings import Settings
from nst.transfer import Frame, stylize

__all__ = ["RECIPES", "Frame", "ImageError", "Settings", "load_backbone", "stylize"]
__version__ = "0.1.0"
