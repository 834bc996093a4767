"""The figures of a study by subject: each function yields figures with captions, or why there is none."""
