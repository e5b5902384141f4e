"""Picture files and RGB images: checked opening, sizes, saving. `tensors` needs PyTorch."""

from nst.images.files import check_plain, open_checked, switch_off_other_formats
from nst.images.fitting import check_width, fit, fitted_size
from nst.images.limits import MAX_PIXELS, MIN_SIDE, ImageError, check_size, is_address
from nst.images.opening import open_alpha, open_cutout, open_image, open_mask, upright_size
from nst.images.saving import FileOptions, check_writable, image_format, replaced, save_image, write_file
from nst.images.sources import ImageSource

__all__ = [
    "FileOptions",
    "MAX_PIXELS",
    "MIN_SIDE",
    "ImageError",
    "ImageSource",
    "check_plain",
    "check_size",
    "check_width",
    "check_writable",
    "fit",
    "fitted_size",
    "image_format",
    "is_address",
    "open_alpha",
    "open_checked",
    "open_cutout",
    "open_image",
    "open_mask",
    "replaced",
    "save_image",
    "switch_off_other_formats",
    "upright_size",
    "write_file",
]
