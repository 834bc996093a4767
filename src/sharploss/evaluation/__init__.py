"""Restoring the test images with trained networks, and measuring the result."""
