"""The second engine: a network that paints a picture in any style in one pass, in an instant."""
