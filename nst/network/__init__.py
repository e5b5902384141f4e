"""VGG: its weights, the device that it runs on, its convolutions and their gradients."""
