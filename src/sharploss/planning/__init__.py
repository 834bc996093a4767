"""From params.yaml to runs.yaml: expand, check, compare with what is done, estimate."""
