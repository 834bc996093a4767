"""The MDF paper's feature extractor: its networks, pyramid, weights and loss."""
