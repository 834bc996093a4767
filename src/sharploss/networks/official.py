"""Published checkpoints: the official key names of the networks, and loading a state dict that uses them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sharploss.utils.errors import UserError, unknown

Rename = tuple[str, str]

WRAPPERS = ("params_ema", "params", "state_dict", "model")
"""Keys under which official checkpoints keep their weights, the averaged ones first."""


def _renamer(*rules: Rename) -> Callable[[str], str]:
    """Return the function that turns our name of a tensor into the official one, by the first rule that fits."""

    def rename(name: str) -> str:
        for pattern, replacement in rules:
            if re.match(pattern, name):
                return re.sub(pattern, replacement, name, count=1)
        return name

    return rename


def _edsr(name: str) -> str:
    """Undo that our head and tail are flat: the official tail is [upsampler, convolution]."""
    name = re.sub(r"^head\.", "head.0.", name)
    name = re.sub(r"\.(match|assembly)\.", r".conv_\1.0.", name)
    return re.sub(r"^(body\.\d+)\.layers\.", r"\1.body.", name)


def _tail(name: str, last: int) -> str:
    return re.sub(r"^tail\.(\d+)\.", lambda m: "tail.1." if int(m[1]) == last else f"tail.0.{m[1]}.", name)


def _edsr_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    last = max(int(name.split(".")[1]) for name in ours if name.startswith("tail."))
    return {name: _tail(_edsr(name), last) for name in ours}


def _vdsr_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    """Layers of VDSR are numbered with their activations here, and apart from the first and last one there."""
    numbers = sorted({int(name.split(".")[1]) for name in ours})
    names = ["input", *(f"residual_layer.{index}.conv" for index in range(len(numbers) - 2)), "output"]
    official = dict(zip(numbers, names, strict=True))
    return {name: f"{official[int(name.split('.')[1])]}.{name.split('.')[2]}" for name in ours}


def _srresnet_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    """BasicSR's MSRResNet; its layers have names, ours numbers."""
    if any("running_mean" in name for name in ours):
        raise UserError("The paper's SRResNet has no official checkpoint: build it with batch_norm=False (MSRResNet).")
    tail = sorted({int(name.split(".")[1]) for name in ours if name.startswith("tail.")})
    named = [*(f"upconv{index + 1}" for index in range(len(tail) - 2)), "conv_hr", "conv_last"]
    layers = {f"tail.{number}": name for number, name in zip(tail, named, strict=True)} | {"head.0": "conv_first"}
    rename = _renamer((r"^(body\.\d+)\.layers\.0\.", r"\1.conv1."), (r"^(body\.\d+)\.layers\.2\.", r"\1.conv2."))
    return {name: rename(re.sub(r"^(head|tail)\.\d+", lambda m: layers[m[0]], name)) for name in ours}


def _mprnet_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    rename = _renamer((r"(.*\.down\d\d)\.conv\.", r"\1.down.1."), (r"(.*\.up(?:\d\d|_.*))\.conv\.", r"\1.up.1."))
    return {name: rename(name) for name in ours}


def _espcn_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    rename = _renamer((r"first\.", "conv1."), (r"second\.", "conv2."), (r"last\.", "conv3."))
    return {name: rename(name) for name in ours}


def _same_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: name for name in ours}


OFFICIAL: dict[str, Callable[[Mapping[str, Tensor]], dict[str, str]]] = {
    "edsr": _edsr_names,  # sanghyun-son/EDSR-PyTorch
    "nlsn": _edsr_names,  # HarukiYqM/Non-Local-Sparse-Attention
    "vdsr": _vdsr_names,  # twtygqyy/pytorch-vdsr
    "espcn": _espcn_names,  # leftthomas/ESPCN
    "rrdbnet": _same_names,  # XPixelGroup/BasicSR
    "srresnet": _srresnet_names,  # XPixelGroup/BasicSR, MSRResNet
    "dncnn": _same_names,  # cszn/KAIR
    "mprnet": _mprnet_names,  # swz30/MPRNet
}
"""For each network, our tensor names -> those of the official code."""

RELEASED: dict[str, Callable[[str], str]] = {
    "rrdbnet": _renamer(
        (r"RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
        (r"trunk_conv\.", "conv_body."),
        (r"upconv(\d)\.", r"conv_up\1."),
        (r"HRconv\.", "conv_hr."),
    )
}
"""Names in files that were released with other code, xinntao/ESRGAN's -> those above."""

COUNTER = ".num_batches_tracked"
"""What old files of networks with batch normalisation lack, and what nothing is computed from."""

IGNORED = ("sub_mean.", "add_mean.")
"""Official tensors that are constants here: the means of EDSR and NLSN."""


def load_official(name: str, network: nn.Module, path: str | Path) -> None:
    """Load a published checkpoint into `network`; nothing in the file is executed (weights_only).

    Args:
        name: the network's name, a key of OFFICIAL.
        network: what `build_network(name, ...)` gave, of the checkpoint's variant.
        path: a .pt or .pth file with a state dict, plain or within one of WRAPPERS, perhaps of a DataParallel model.

    Raises:
        UserError: the file is missing, damaged, not a state dict, or of another variant; the message names the tensors
            and shapes that differ. Or there is no official checkpoint of such a network.
    """
    if name not in OFFICIAL:
        raise unknown("network with official checkpoints", name, OFFICIAL)
    ours = network.state_dict()
    names = OFFICIAL[name](ours)
    found = _read(Path(path), RELEASED.get(name, str))
    differences = _differences(found, {names[key]: value for key, value in ours.items()})
    if differences:
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise UserError(
            f"{path} is a checkpoint of another variant of {name}: {'; '.join(differences[:3])}{more}: "
            "build the network with the sizes that the file was trained with."
        )
    network.load_state_dict({key: found.get(names[key], ours[key]) for key in ours})


def _read(path: Path, rename: Callable[[str], str]) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path}: check the path.")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's readers raise whatever they meet
        reason = (str(error) or type(error).__name__).split(".", maxsplit=1)[0].splitlines()[0]
        raise UserError(
            f"{path} cannot be read as a state dict ({reason}): get another copy or, if it holds a whole pickled "
            "model, save that model's state_dict() with the code that it came with."
        ) from None
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(cast("dict[str, Any]", content).get(key), dict):
            content = cast("dict[str, Any]", content)[key]
            break
    tensors = cast("dict[Any, Any]", content) if isinstance(content, dict) else {}
    if not tensors or not all(_is_weight(key, value) for key, value in tensors.items()):
        raise UserError(f"{path} holds no state dict: use the file of weights, not of the whole model.")
    return {rename(key.removeprefix("module.")): value for key, value in tensors.items()}


def _is_weight(key: Any, value: Any) -> bool:
    if not isinstance(key, str) or not isinstance(value, Tensor):
        return False
    return value.is_floating_point() or key.endswith(COUNTER)


def _differences(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    lines: list[str] = []
    for key, value in wanted.items():
        if key not in found and not key.endswith(COUNTER):
            lines.append(f"'{key}' is missing")
        elif key in found and found[key].shape != value.shape:
            lines.append(f"'{key}' is {tuple(found[key].shape)} there and {tuple(value.shape)} here")
    extra = [key for key in found if key not in wanted and not key.startswith(IGNORED)]
    return lines + [f"'{key}' is there and not here" for key in extra]
