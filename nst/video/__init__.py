"""Paints videos frame by frame: H.264 with audio, GIF and animated WebP."""

from nst.video.animation import ANIMATIONS, MAX_ANIMATED
from nst.video.clip import FILMS, Clip, is_clip, open_clip
from nst.video.painting import Paint, Unfinished, paint_clip, read_painted

__all__ = [
    "ANIMATIONS",
    "FILMS",
    "MAX_ANIMATED",
    "Clip",
    "Paint",
    "Unfinished",
    "is_clip",
    "open_clip",
    "paint_clip",
    "read_painted",
]
