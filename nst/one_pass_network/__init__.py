"""The one-pass network: paints a photo in any style in a fraction of a second."""
