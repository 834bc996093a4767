"""A made-up task, its pictures and its runs."""

import torch

from sharploss.config.run_config import RunConfig
from sharploss.config.tasks import SuperResolution

TASK = SuperResolution(kind="sr", scale=2, train=["a"], validation=["b"], test=["toys", "lost"])
RECIPE = {"steps": 3, "batch": 1, "patch": 8, "learning_rate": 0.1}


def picture(seed, height=48, width=56):
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand((1, 3, 6, 7), generator=generator)
    large = torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 1)
    return (large[0] * 255).round().to(torch.uint8)


def config(loss, seed=0):
    network = {"network": "espcn", "width": 4}
    return RunConfig.model_validate({"task": TASK, "network": network, "loss": loss, "recipe": RECIPE, "seed": seed})
