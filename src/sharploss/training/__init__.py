"""Training: one readable loop, stateless batches, exact resume."""
