"""Published checkpoints: the official key names of the networks, and loading a state dict that uses them."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sharploss.networks.edsr import EDSR
from sharploss.networks.nlsn import NLSN
from sharploss.utils.errors import UserError, unknown

Rename = tuple[str, str]
Names = Callable[[Mapping[str, Tensor]], dict[str, str]]


def _renamer(*rules: Rename) -> Callable[[str], str]:
    """Return the function that turns our name of a tensor into the official one, by the first rule that fits."""
    return lambda name: next((re.sub(old, new, name, count=1) for old, new in rules if re.match(old, name)), name)


def _edsr_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    """Undo that our head and tail are flat: the official tail is [upsampler, convolution]."""
    last = max(int(name.split(".")[1]) for name in ours if name.startswith("tail."))
    attention = (r"(.*)\.(match|assembly)\.", r"\1.conv_\2.0.")
    return _by_rules(
        (r"head\.", "head.0."),
        (rf"tail\.{last}\.", "tail.1."),
        (r"tail\.", "tail.0."),
        (r"(body\.\d+)\.layers\.", r"\1.body."),
        attention,
    )(ours)


def _vdsr_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the keys of VDSR's checkpoint, which numbers the layers between the first and the last one alone."""
    numbers = sorted({int(name.split(".")[1]) for name in ours})
    names = ["input", *(f"residual_layer.{index}.conv" for index in range(len(numbers) - 2)), "output"]
    official = dict(zip(numbers, names, strict=True))
    return {name: f"{official[int(name.split('.')[1])]}.{name.split('.')[2]}" for name in ours}


def _srresnet_names(ours: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the keys of BasicSR's MSRResNet: its layers have names, ours numbers."""
    if any("running_mean" in name for name in ours):
        raise UserError("The paper's SRResNet has no official checkpoint: build it with batch_norm=False (MSRResNet).")
    tail = sorted({int(name.split(".")[1]) for name in ours if name.startswith("tail.")})
    named = [*(f"upconv{index + 1}" for index in range(len(tail) - 2)), "conv_hr", "conv_last"]
    layers = {f"tail.{number}": name for number, name in zip(tail, named, strict=True)} | {"head.0": "conv_first"}
    rename = _renamer((r"^(body\.\d+)\.layers\.0\.", r"\1.conv1."), (r"^(body\.\d+)\.layers\.2\.", r"\1.conv2."))
    return {name: rename(re.sub(r"^(head|tail)\.\d+", lambda m: layers[m[0]], name)) for name in ours}


def _by_rules(*rules: Rename) -> Names:
    rename = _renamer(*rules)
    return lambda ours: {name: rename(name) for name in ours}


OFFICIAL: dict[str, Names] = {
    "edsr": _edsr_names,  # sanghyun-son/EDSR-PyTorch
    "nlsn": _edsr_names,  # HarukiYqM/Non-Local-Sparse-Attention
    "vdsr": _vdsr_names,  # twtygqyy/pytorch-vdsr
    "espcn": _by_rules((r"first\.", "conv1."), (r"second\.", "conv2."), (r"last\.", "conv3.")),  # leftthomas/ESPCN
    "rrdbnet": _by_rules(),  # XPixelGroup/BasicSR
    "srresnet": _srresnet_names,  # XPixelGroup/BasicSR, MSRResNet
    "dncnn": _by_rules(),  # cszn/KAIR
    # swz30/MPRNet
    "mprnet": _by_rules((r"(.*\.down\d\d)\.conv\.", r"\1.down.1."), (r"(.*\.up(?:\d\d|_.*))\.conv\.", r"\1.up.1.")),
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

COUNTERS = (".num_batches_tracked", "n_averaged")
"""Endings of what counts steps, of which nothing is computed: old files lack it, torch's AveragedModel has more."""

AVERAGED = re.compile(r"(?<![A-Za-z])(?i:ema)(?![a-z])|(?<=[a-z])E(?i:ma)(?![a-z])")
"""The word in the names of averaged weights, such as params_ema, emaModel and net_gEMA."""

WRAPPERS = ("_orig_mod", "module")  # parts of names that torch's compiler and its parallel and averaged models put in


def load_official(name: str, network: nn.Module, path: str | Path) -> None:
    """Load a published checkpoint into `network`; nothing in the file is executed (weights_only).

    Args:
        name: the network's name, a key of OFFICIAL.
        network: what `build_network(name, ...)` gave, of the checkpoint's variant.
        path: a state dict of torch.save or safetensors, whatever the file's name. The weights can lie within mappings
            of any depth and behind any prefix (params_ema, state_dict, net_g, module., _orig_mod., model.); where there
            are several sets, the averaged ones (ema) are taken.

    Raises:
        UserError: the file is missing, damaged, of another variant (the message names tensors and shapes that differ),
            made for another range or mean, not finite, or holds several networks.
    """
    if name not in OFFICIAL:
        raise unknown("network with official checkpoints", name, OFFICIAL)
    ours = network.state_dict()
    names = OFFICIAL[name](ours)
    wanted = {names[key]: value for key, value in ours.items()}
    constants = _constants(network)
    found = _pick(Path(path), name, wanted, constants)
    for key, constant in constants.items():
        if key in found and not _close(found[key], constant):
            theirs, here = ([round(value, 4) for value in each.flatten().tolist()] for each in (found[key], constant))
            constants_differ = f"its {key} is {theirs} and not {here}: {_cure(network, found)}"
            raise UserError(f"{path} was trained with other constants than this {name} has: {constants_differ}.")
    if absent := [key for key in constants if key not in found]:
        mean = [round(value, 4) for value in constants["add_mean.bias"].tolist()]
        said = f"{path} has no {', '.join(absent)}, by which files of the official code say how images are shifted"
        # The official code, too, then takes its own.
        warnings.warn(f"{said}: if that is not a mean of {mean}, {name} restores wrongly with it", stacklevel=2)
    weights = {key: found[names[key]].to(value.dtype) if names[key] in found else value for key, value in ours.items()}
    for key, value in weights.items():
        if not value.isfinite().all():
            raise UserError(f"{path} holds weights that are not finite ('{names[key]}'): get another copy.")
    network.load_state_dict(weights)


def _constants(network: nn.Module, rgb_range: float | None = None) -> dict[str, Tensor]:
    """Return the official tensors that are constants here: EDSR's and NLSN's shift of images by their mean."""
    if not isinstance(network, EDSR | NLSN):
        return {}
    mean = network.mean.flatten() * (rgb_range or (network.rgb_range if isinstance(network, EDSR) else 1))
    eye = torch.eye(len(mean))[..., None, None]
    return {"sub_mean.weight": eye, "sub_mean.bias": -mean, "add_mean.weight": eye, "add_mean.bias": mean}


def _close(found: Tensor, constant: Tensor) -> bool:
    """Return whether two constants are the same to four digits, as means are published, or to those of a bfloat16."""
    tolerance = max(4e-4, torch.finfo(found.dtype).eps / 2) * max(1.0, constant.abs().max().item())
    return found.shape == constant.shape and bool((found.double() - constant).abs().max() <= tolerance)


def _cure(network: nn.Module, found: Mapping[str, Tensor]) -> str:
    for rgb_range in (1, 255):
        if all(key in found and _close(found[key], value) for key, value in _constants(network, rgb_range).items()):
            trained = f"it was trained on images in [0, {rgb_range}]"
            return f"{trained}: build the network with rgb_range={rgb_range}" if isinstance(network, EDSR) else trained
    return "its weights cannot be used here"


def _pick(path: Path, name: str, wanted: Mapping[str, Tensor], constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the one set of weights in a file that has the names and shapes of `wanted`."""
    first = next(iter(wanted))
    sets: dict[str, dict[str, Tensor]] = {}
    for place, tensors in _state_dicts(_read(path), ""):
        plain = {".".join(part for part in key.split(".") if part not in WRAPPERS): key for key in tensors}
        for prefix in (key.removesuffix(first) for key in plain if f".{key}".endswith(f".{first}")):
            inside = {key.removeprefix(prefix): tensors[plain[key]] for key in plain if key.startswith(prefix)}
            sets[place + prefix] = {RELEASED.get(name, str)(key): value for key, value in inside.items()}
    if not sets:
        raise UserError(f"{path} holds no state dict of {name} (no tensor '{first}'): use its file of weights.")
    differences = {place: _differences(tensors, wanted, constants) for place, tensors in sets.items()}
    fitting = [place for place, lines in differences.items() if not lines]
    if not fitting:
        lines = min(differences.values(), key=len)
        more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
        raise UserError(
            f"{path} is a checkpoint of another variant of {name}: {'; '.join(lines[:3])}{more}: "
            "build the network with the sizes that the file was trained with."
        )
    chosen = [place for place in fitting if AVERAGED.search(place)] or fitting
    if any(not torch.equal(sets[chosen[0]][key], sets[place][key]) for place in chosen[1:] for key in wanted):
        raise UserError(f"{path} holds several networks ({', '.join(chosen)}): save the one that you mean alone.")
    return sets[chosen[0]]


def _read(path: Path) -> Any:
    """Read what torch.save or safetensors wrote, whatever the file is called."""
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path}: check the path.")
    try:
        from safetensors.torch import load_file

        with path.open("rb") as file:
            if file.read(9)[8:] == b"{":
                return load_file(path)
            file.seek(0)  # of a path, torch.load goes by the name
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's readers raise whatever they meet
        reason = (str(error) or type(error).__name__).split(".", maxsplit=1)[0].splitlines()[0]
        raise UserError(
            f"{path} cannot be read as a state dict ({reason}): get another copy or, if it holds a whole pickled "
            "model, save that model's state_dict() with the code that it came with."
        ) from None


def _state_dicts(content: Any, place: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Find all mappings of names to tensors within others, each with the keys that lead there."""
    if not isinstance(content, Mapping):
        return
    items = [(key, value) for key, value in cast("Mapping[Any, Any]", content).items() if isinstance(key, str)]
    yield place, {key: value for key, value in items if isinstance(value, Tensor)}
    for key, value in items:
        yield from _state_dicts(value, f"{place}{key}.")


def _differences(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], constants: Mapping[str, Tensor]
) -> list[str]:
    lines: list[str] = []
    for key, value in wanted.items():
        if key not in found and not key.endswith(COUNTERS):
            lines.append(f"'{key}' is missing")
        elif key in found and found[key].shape != value.shape:
            lines.append(f"'{key}' is {tuple(found[key].shape)} there and {tuple(value.shape)} here")
    for key, value in found.items():
        if value.layout != torch.strided or value.is_meta or not (value.is_floating_point() or key.endswith(COUNTERS)):
            lines.append(f"'{key}' holds no floating-point weights")
    extra = (key for key in found if key not in wanted.keys() | constants.keys() and not key.endswith(COUNTERS))
    return [*lines, *(f"'{key}' is there and not here" for key in extra)]
