"""Painting by optimisation: losses, targets, the optimisers and the loop over the scales."""
