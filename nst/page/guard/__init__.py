"""Checks every HTTP request before Gradio sees it."""
