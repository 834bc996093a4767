"""Where MDF's discriminators come from: the authors' files, or those that `extract` trained."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from sharploss.assets.fetch import locate
from sharploss.config.extractors import OFFICIAL, SUFFIX, weights_source
from sharploss.functional.image_loss import freeze
from sharploss.mdf.networks import SinGANDiscriminator
from sharploss.utils.checksum import verify_checksum
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256


def load_discriminators(weights: str, scales: int) -> tuple[nn.ModuleList, str]:
    """Load the first `scales` discriminators of `weights` (`sharploss.config.extractors.weights_source`), frozen.

    With them comes which file they are from: its name and the first 16 digits of its sha256.

    Raises:
        AssetMissingError: the authors' file cannot be had.
        UserError: a file of self-trained weights is missing (the message says how to train them), a file is damaged or
            holds something else, or fewer discriminators than asked for.
    """
    path = weights_source(weights)
    tensors, file = official_tensors(OFFICIAL[weights]) if path is None else _read(path, weights)
    name = f"the authors' weights '{weights}'" if path is None else str(path)
    return build(tensors, scales, name), file


def build(tensors: Mapping[str, Tensor], scales: int, name: str) -> nn.ModuleList:
    """Make the first `scales` discriminators of `tensors` ("0.head.conv.weight" and so on); `name` is for messages."""
    count = 0
    while f"{count}.head.conv.weight" in tensors:
        count += 1
    if not count:
        raise UserError(f"{name} holds no discriminators of MDF: name another file.")
    if scales > count:
        raise UserError(f"{name} has {count} discriminators, not {scales}: set 'scales' to {count} or less.")
    networks = nn.ModuleList(_build_one(tensors, scale, name) for scale in range(scales))
    return freeze(networks)


def _build_one(tensors: Mapping[str, Tensor], scale: int, name: str) -> nn.Module:
    own = {key.split(".", 1)[1]: value for key, value in tensors.items() if key.startswith(f"{scale}.")}
    if not all(value.isfinite().all() for value in own.values()):
        raise UserError(f"{name} has values that are not finite in MDF's discriminator {scale}: name another file.")
    width, channels = own["head.conv.weight"].shape[:2]
    with torch.device("meta"):  # no random numbers are drawn
        network = SinGANDiscriminator(int(width), int(channels))
    try:
        network.load_state_dict(own, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{name} does not fit MDF's discriminator {scale} ({reason}): name another file.") from None
    return network


def official_tensors(asset: str) -> tuple[dict[str, Tensor], str]:
    """Read the authors' discriminators by name, "<scale>.<name of parameter>"; nothing in their pickle is executed."""
    from sharploss.assets.torch_modules import read_modules

    path = locate(asset)[0]
    modules = enumerate(read_modules(path))
    tensors = {f"{scale}.{name}": tensor for scale, tensors in modules for name, tensor in tensors.items()}
    return tensors, f"{path.name} {sha256(path)[:16]}"


def _read(path: Path, weights: str) -> tuple[dict[str, Tensor], str]:
    content = b""
    try:
        # Read once, so that the digits are those of what is loaded.
        content = path.read_bytes()
        tensors = load(content)
        verify_checksum(path)
    except FileNotFoundError:
        known = ", ".join(OFFICIAL)
        remedy = "check the path" if weights.endswith(SUFFIX) else f"run 'python -P pipelines/extract.py {weights}'"
        raise UserError(
            f"{path} is missing: {remedy}, or set 'weights' to one of {known} instead of '{weights}'."
        ) from None
    except SafetensorError as error:
        if content.startswith((b"PK", b"\x80")):
            raise UserError(f"{path} is a pickle, no safetensors file: save its tensors with safetensors.") from None
        raise UserError(f"{path} is damaged ({error}): delete it and train it again.") from None
    return tensors, f"{path.name} {hashlib.sha256(content).hexdigest()[:16]}"
