"""The page. All of Gradio is in here, and no tensor."""
