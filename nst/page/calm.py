"""The one place that reaches into Gradio where it has no door."""

from pathlib import Path

import gradio as gr

PAUSE, PROGRESS_PAUSE = 0.05, 0.1


def calm(blocks: gr.Blocks) -> None:
    """Let Gradio look for work twenty times a second instead of a thousand times.

    Looking so often takes 6 % of a core from the painter. Twenty times, as Gradio itself does on
    Windows, is as quick to the eye. A test fails where a new Gradio has no such attributes.
    """
    queue = blocks._queue
    queue.sleep_when_free, queue.progress_update_sleep_when_free = PAUSE, PROGRESS_PAUSE


def forget_what_is_gone(blocks: gr.Blocks) -> None:
    """Let Gradio forget the files that are not there any more.

    It keeps the name of every picture it has ever shown, to remove it by age, and drops only the
    names of those that it has removed itself: ours, which go earlier, would be listed for ever.
    """
    for names in blocks.temp_file_sets:
        names.difference_update([name for name in list(names) if not Path(name).exists()])
