"""Statistics: intervals, effect sizes, losses at matched PSNR, baselines."""
