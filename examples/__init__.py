"""Styles, sample photos, the code that generated them, and programs that use nst."""
