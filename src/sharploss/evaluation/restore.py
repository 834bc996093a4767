"""A trained network, loaded only when it is the one asked for, and the images it restores."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.config.run_config import RunConfig
from sharploss.evaluation import tiles
from sharploss.evaluation.tiles import restore_tiled
from sharploss.functional.images import BYTES, check_images
from sharploss.networks import build_network
from sharploss.record.run import flat_settings
from sharploss.training.checkpoint import load_weights, read_metadata
from sharploss.training.device import memory_format
from sharploss.training.state import with_defaults
from sharploss.utils.checksum import verify_checksum
from sharploss.utils.errors import UserError


def load_network(path: Path, config: RunConfig, device: torch.device) -> nn.Module | None:
    """Load what a run has trained, ready for `restore`; None when it diverged or was not trained.

    UserError where the file is missing, damaged, or of another configuration, with the first key that differs.
    """
    verify_checksum(path)
    metadata = read_metadata(path)
    _check_config(path, json.loads(metadata["config"]), config)
    if metadata["status"] != "finished":
        return None
    network = build_network(config.network.network, scale=config.task.scale, **config.network.parameters)
    load_weights(path, network)
    network.to(device=device, memory_format=memory_format(device, "exact"))  # pyright: ignore[reportCallIssue]
    return network.eval()


def _check_config(path: Path, found: dict[str, Any], config: RunConfig) -> None:
    ours, theirs = flat_settings(with_defaults(config).model_dump(mode="json")), flat_settings(found)
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            raise UserError(
                f"{path} is a checkpoint of another configuration: {key} is {theirs.get(key)!r} there and "
                f"{ours.get(key)!r} in params.yaml; run 'make repro' to train it again."
            )


def restore(network: nn.Module, image: Tensor) -> Tensor:
    """Restore one image, one of more than `tiles.MAX_PIXELS` pixels in tiles: (3, h, w) uint8 to (3, H, W) uint8.

    The network maps (1, 3, h, w) in [0, 1] to (1, 3, H, W); what it gives is clamped and rounded half up, on the CPU.
    UserError for no such image, FloatingPointError where a NaN or an infinity comes out.
    """
    check_images(image, "image", BYTES, axes="C, H, W")
    device = next(network.parameters()).device

    def restore_levels(part: Tensor) -> Tensor:
        degraded = part.to(device).float().div(255).contiguous(memory_format=memory_format(device, "exact"))
        restored = network(degraded)
        if not restored.isfinite().all():
            raise FloatingPointError("the network's output is not finite")
        return restored.clamp_(0, 1).mul_(255).add_(0.5).floor_().to("cpu", torch.uint8)

    # Tiles are cut out of bytes and put together as bytes: of a large image nothing else is whole.
    restore_any = restore_levels if image[0].numel() <= tiles.MAX_PIXELS else partial(restore_tiled, restore_levels)
    with torch.inference_mode():
        return restore_any(image[None])[0].contiguous()
