"""Original paintings and scripts that show nst at work."""
