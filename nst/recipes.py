"""Named settings."""

from nst.settings import Settings

RECIPES = {"atelier": Settings()}
"""`atelier` is our own: coarse to fine from the photo, every loss relative to its target."""
