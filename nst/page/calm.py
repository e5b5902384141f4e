"""The one place that reaches into Gradio where it has no door."""

import gradio as gr

PAUSE, PROGRESS_PAUSE = 0.05, 0.1


def calm(blocks: gr.Blocks) -> None:
    """Let Gradio look for work twenty times a second instead of a thousand times.

    Looking so often takes 6 % of a core from the painter. Twenty times, as Gradio itself does on
    Windows, is as quick to the eye. A test fails where a new Gradio has no such attributes.
    """
    queue = blocks._queue
    queue.sleep_when_free, queue.progress_update_sleep_when_free = PAUSE, PROGRESS_PAUSE
