"""What `plot` draws, by subject: each function takes a study and gives figures with captions, or why there is none."""
