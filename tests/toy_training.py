"""A run that trains in a moment: tiny x2 packs and its configuration."""

import torch

from sharploss.config.recipe import Optimisation
from sharploss.config.run_config import RunConfig
from sharploss.data.pack import open_pack, write_pack


def write_packs(folder):
    """Write packs of random smooth images: three to train on, one to validate on."""
    generator = torch.Generator().manual_seed(0)

    def pair(name):
        coarse = torch.rand(1, 3, 6, 6, generator=generator)
        target = torch.nn.functional.interpolate(coarse, size=(32, 36), mode="bicubic").clamp(0, 1).mul(255).byte()[0]
        return name, target, target[:, ::2, ::2].contiguous()

    for role, names in (("train", ["toy/a", "toy/b", "toy/c"]), ("validation", ["toy/d"])):
        pairs = [pair(name) for name in names]
        write_pack(folder / f"{role}.safetensors", pairs, role=role, sets=["toy"], parameters={}, missing={})


def open_packs(folder):
    return {role: open_pack(folder / f"{role}.safetensors") for role in ("train", "validation")}


def configuration(steps):
    """A resolved run as plain values, for tests to change; `typed` makes a RunConfig of it."""
    return {
        "task": {"kind": "sr", "scale": 2, "train": ["toy"], "validation": ["toy"], "test": ["toy"]},
        "network": {"network": "edsr", "blocks": 1, "width": 8, "res_scale": 1.0},
        "loss": {"l1": 1, "gv": 0.01},
        "seed": 0,
        "recipe": {
            "steps": steps,
            "batch": 2,
            "patch": 8,
            "optimizer": "adam",
            "learning_rate": 0.002,
            "betas": [0.9, 0.999],
            "momentum": 0.9,
            "weight_decay": 0.0,
            "clip_norm": None,
            "schedule": "cosine",
            "warmup": 2,
            "final_fraction": 0.01,
            "milestones": [],
            "gamma": 0.5,
            "cycles": 1,
            "average": 0.0,
            "mode": "exact",
            "log_every": 5,
            "validate_every": 6,
            "checkpoint_every": 4,
        },
    }


def typed(config):
    return RunConfig.model_validate(config)


def optimisation(recipe, **changes):
    """The optimiser and schedule of a recipe, for its discriminator."""
    return {name: recipe[name] for name in Optimisation.model_fields if name in recipe} | changes
