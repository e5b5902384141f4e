"""Training of the one-pass network. None of this is needed to use nst."""
