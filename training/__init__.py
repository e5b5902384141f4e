"""Training of the one-pass network; its usage is in the modules `train` and `fine_tune`."""
