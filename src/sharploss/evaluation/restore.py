"""A trained network, loaded only when it is the one asked for, and the images it restores."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sharploss.config.run_config import RunConfig
from sharploss.evaluation import tiles
from sharploss.evaluation.tiles import restore_tiled
from sharploss.functional.images import BYTES, check_images
from sharploss.networks import build_network
from sharploss.training.checkpoint import load_weights, read_metadata
from sharploss.training.device import memory_format
from sharploss.training.state import with_defaults
from sharploss.utils.checksum import verify_checksum
from sharploss.utils.errors import UserError


def load_network(path: Path, config: RunConfig, device: torch.device) -> nn.Module | None:
    """Load what a run has trained, ready for `restore`; None when it diverged or was not trained.

    Raises:
        UserError: the file is missing or damaged, or was trained with another configuration; the message names the
            first key that differs.
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
    """Refuse weights of another configuration; which sets are scored does not make a run another one."""
    ours, theirs = _flat(with_defaults(config).model_dump(mode="json")), _flat(found)
    for key in sorted(ours.keys() | theirs.keys()):
        if key not in ("task.test", "task.tune") and ours.get(key) != theirs.get(key):
            raise UserError(
                f"{path} is a checkpoint of another configuration: {key} is {theirs.get(key)!r} there and "
                f"{ours.get(key)!r} in params.yaml; run 'make repro' to train it again."
            )


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in mapping.items():
        leaves |= (
            _flat(cast("dict[str, Any]", value), f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return leaves


def restore(network: nn.Module, image: Tensor) -> Tensor:
    """Restore one image, one of more than `tiles.MAX_PIXELS` pixels in tiles.

    Args:
        network: maps (1, 3, h, w) in [0, 1] to (1, 3, H, W).
        image: (3, h, w) uint8.

    Returns:
        (3, H, W) uint8 on the CPU: clamped, rounded half up, as it would be saved in a file.

    Raises:
        UserError: not such an image.
        FloatingPointError: a NaN or an infinity comes out, which would look like black or white.
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
