"""The one-pass network in the visitor's browser: its scripts and weights, and a static site of them."""
