"""Train the stale runs of a study in parallel: on the GPUs or cores of one machine, or on a Slurm cluster.

A worker runs `dvc repro -s train@<run>` in the shared workspace, so DVC stays the record of what is done. DVC holds its
repository lock while it looks up what to do and while it writes down what was done, not while a command runs; what it
holds for that long are the paths of the stage, and no two runs write the same.
"""
