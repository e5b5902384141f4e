"""Texts that people read, wherever they appear."""


def sentence(problem: Exception | str) -> str:
    """A message as a sentence."""
    text = str(problem).rstrip(".")
    return text[:1].upper() + text[1:] + "."


def duration(seconds: float) -> str:
    """A time such as "45 s" or "3 min"."""
    return f"{max(1, round(seconds))} s" if seconds < 100 else f"{round(seconds / 60)} min"
