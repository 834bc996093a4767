"""Train the stale runs of a study in parallel: on the GPUs or cores of one machine, or on a Slurm cluster.

Each is trained by `dvc repro -s`, so that DVC stays the record of what is done (docs/clusters.md).
"""
