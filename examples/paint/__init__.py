"""Styles painted by code: each module with a ``paint`` function makes one of them."""
