"""Runs paintings for many visitors. It does not know Gradio."""
