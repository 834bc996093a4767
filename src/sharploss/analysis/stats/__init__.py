"""Statistics: intervals, effect sizes, ranks, baselines."""
