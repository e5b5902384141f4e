"""The studio: canvas and brushes, colours, shapes, and fields that strokes follow.

Positions are ``(x, y)`` in unit coordinates: (0, 0) is the top left corner of the square canvas,
and (1, 1) the bottom right. Widths and lengths are fractions of the canvas side.
"""
