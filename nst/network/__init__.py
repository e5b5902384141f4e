"""VGG: its weights, the device it runs on, its convolutions and their gradient."""
