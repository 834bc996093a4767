"""Where MDF's discriminators come from: the authors' files, converted once, or those that `extract` trained."""

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save
from torch import Tensor, nn

from sharploss.assets.fetch import locate
from sharploss.assets.lookup import cache_folder
from sharploss.config.extractors import OFFICIAL, SUFFIX, weights_source
from sharploss.functional.backbones import freeze
from sharploss.mdf.networks import SinGANDiscriminator
from sharploss.utils.checksum import verify_checksum
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256, write_bytes


def load_discriminators(weights: str, scales: int) -> tuple[nn.ModuleList, str]:
    """Load the first `scales` discriminators, coarsest first, frozen and in evaluation mode.

    Args:
        weights: as of `sharploss.config.extractors.weights_source`.
        scales: how many.

    Returns:
        SinGANDiscriminators; and which file they are from, its name and the first 16 digits of its sha256, because
        neither a name nor a path says what was in it. Of the authors' that is their pickle, not the conversion.

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
    """Make the first `scales` discriminators of `tensors` ("0.head.conv.weight" and so on); `name` is for messages.

    Raises:
        UserError: there are fewer, or tensors of other names or shapes.
    """
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
    """Read the authors' discriminators, converting their pickle into the cache the first time.

    Nothing in the pickle is executed (sharploss.assets.torch_modules). The converted file is named by the pickle's
    sha256.

    Returns:
        The tensors by name; and the pickle's own name and the start of its sha256.

    Raises:
        AssetMissingError: the file cannot be had.
        UserError: it is another file than the authors', or damaged.
    """
    path = locate(asset)[0]
    start = sha256(path)[:16]
    converted, file = cache_folder() / "converted" / f"{asset}-{start}.safetensors", f"{path.name} {start}"
    try:
        return load_file(converted), file
    except (OSError, SafetensorError):  # not there yet, or damaged
        tensors = convert(path)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs a conversion each time
        write_bytes(converted, save(tensors, metadata={"source": path.name}))
    return tensors, file


def convert(path: Path) -> dict[str, Tensor]:
    """Return the tensors of the authors' pickle, "<scale>.<name of parameter>": those of a list of discriminators."""
    from sharploss.assets.torch_modules import read_modules

    modules = enumerate(read_modules(path))
    return {f"{scale}.{name}": tensor for scale, tensors in modules for name, tensor in tensors.items()}


def _read(path: Path, weights: str) -> tuple[dict[str, Tensor], str]:
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
        if path.read_bytes()[:2] in {b"PK", b"\x80\x02"}:  # what torch.save writes begins so
            raise UserError(f"{path} is a PyTorch file by another name: give a safetensors file.") from None
        raise UserError(f"{path} is damaged ({error}): delete it and train it again.") from None
    return tensors, f"{path.name} {hashlib.sha256(content).hexdigest()[:16]}"
