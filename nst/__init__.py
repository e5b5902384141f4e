"""nst: neural style transfer, a photo and a painting style -> a painting, step by step."""

from nst.images import ImageError
from nst.network.vgg import load_backbone
from nst.optimise.stylize import Frame, stylize
from nst.recipes import RECIPES
from nst.settings import Settings

__all__ = ["RECIPES", "Frame", "ImageError", "Settings", "load_backbone", "stylize"]
__version__ = "0.1.0"
