"""Weights & Biases: following, publishing, dashboards."""
