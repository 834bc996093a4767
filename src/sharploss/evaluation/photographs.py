"""`python -m sharploss restore IMAGE... --run NAME`: restore photographs of one's own with a trained network."""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from sharploss.config.loss_spec import LossSpec, Term
from sharploss.config.run_config import RunConfig, stored_config
from sharploss.data.images import open_image, pixels_of
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.tiles import OVERLAP, TILE, restore_tiled, spans
from sharploss.record.paths import SUFFIX, paths
from sharploss.record.study import PARAMS, current_study
from sharploss.training.checkpoint import read_metadata
from sharploss.training.device import choose_device, set_mode
from sharploss.utils.cores import claim_cores
from sharploss.utils.errors import UserError, printable, unknown
from sharploss.utils.files import atomic_path, check_writable, intact
from sharploss.utils.optional import progress_bar

FLAGSHIP = "benchmark"  # the study of whose networks some come with the repository
EXPORTED = f"model{SUFFIX}"  # the weights in a folder of `python -m sharploss export`

DESCRIPTION = """Restore photographs with a trained network: enlarge them, or deblur, denoise or sharpen them.

  python -m sharploss restore --list                                     what there is to restore with
  python -m sharploss restore cat.jpg --run edsr_x4_sploss               four times as large, into the folder restored
  python -m sharploss restore photos --run edsr_x4_l1 --side-by-side     a folder; a picture with both beside the input

edsr_x4_l1 and edsr_x4_sploss come with the repository. Every image becomes a PNG file of 8 bits; what an image has that
a network does not take (transparency, 16 bits, an orientation tag, several frames) is dealt with, and said.
"""

ENDS = ("", "_beside")  # of the names of outputs
ORIENTATION = 0x0112  # the EXIF tag


class Photograph(NamedTuple):
    """An image as a network takes it, and what becomes of the rest."""

    rgb: Tensor  # (3, h, w) uint8
    grey: bool
    alpha: Image.Image | None  # where it is not all opaque
    profile: bytes | None  # of its colours
    notes: list[str]


class Trained(NamedTuple):
    """A network ready to restore, and how many times larger it makes an image."""

    name: str
    network: nn.Module
    scale: int


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sharploss restore", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="a file, or a folder of some")
    parser.add_argument("--run", metavar="NAME", help=f"a name of --list, a folder of an export, or a {SUFFIX} file")
    parser.add_argument("--output", type=Path, default=Path("restored"), metavar="FOLDER", help="default: restored")
    parser.add_argument("--side-by-side", action="store_true", help="beside each a picture of input and output")
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that are there")
    parser.add_argument("--list", action="store_true", help="what there is to restore with")
    asked = parser.parse_args(arguments)
    if asked.list:
        for name, path in weights_here().items():
            print(f"{name:<40} {describe(path)}")
        return 0
    if not asked.images or not asked.run:
        parser.error("give images, and --run NAME (or --list)")
    trained = open_network(asked.run)
    return restore_files(images_named(asked.images, trained.name), trained, asked)


def weights_here(study: str = "") -> dict[str, Path]:
    """Find a study's networks, else those that come with the repository and the current study's: name -> file."""
    here = Path(PARAMS).is_file()
    root = Path() if here else Path(__file__).resolve().parents[3]
    found = sorted(paths(study or FLAGSHIP, root).flagship.glob(f"*{SUFFIX}"))
    found += paths(study or current_study()).every_weights() if here else []
    return {path.stem: path for path in found}


def open_network(name: str) -> Trained:
    """Load a network by its name or its file; UserError where there is none, or its training came to nothing."""
    inside = Path(name) / EXPORTED
    known = {name: inside if inside.is_file() else Path(name)}
    known = known if inside.is_file() or name.endswith(SUFFIX) else weights_here()
    if name not in known:
        raise unknown("trained network", name, known)
    path = known[name]
    set_mode("exact")
    torch.set_num_threads(claim_cores())  # nobody compares the last bits
    config = trained_config(path)
    network = load_network(path, config, choose_device())
    if network is None:
        raise UserError(f"{path} is of a training that did not finish: choose another (--list).")
    own = path.resolve().parent.name if path == inside else path.stem
    return Trained(own, network, config.task.scale)


def trained_config(path: Path) -> RunConfig:
    """Read what a file of weights was trained with; UserError where that is nothing that there is today."""
    with intact(path):
        stored = json.loads(read_metadata(path)["config"])
    try:
        return stored_config(stored)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def describe(path: Path) -> str:
    """Return in a line what a network does and how it was trained."""
    config = trained_config(path)
    what = f"enlarges x{config.task.scale}" if config.task.scale > 1 else f"for what was {config.task.kind}"
    return f"{what:<16} {config.network.network:<12} {describe_loss(config.loss)}, {config.recipe.steps} steps ({path})"


def describe_loss(loss: LossSpec) -> str:
    """Return a loss as the sum of its terms."""
    return " + ".join(describe_term(name, term) for name, term in loss.terms.items())


def describe_term(name: str, term: Term) -> str:
    """Return what tells a term of a loss from its like: "l1", "0.01 gv", "sploss (alpha 2)"."""
    weight = "" if term.weight == 1 else f"{term.weight:g} "
    alpha = term.parameters.get("alpha")
    return f"{weight}{name}{'' if alpha is None else f' (alpha {alpha:g})'}"


def images_named(named: Sequence[str], network: str) -> list[Path]:
    """List images by their paths, those of a folder by its; print what else is in it, outputs of the network too."""
    found = list[Path]()
    for path in map(Path, named):
        inside = {one: kind_of(one, network) for one in sorted(path.iterdir())} if path.is_dir() else {path: ""}
        if left := Counter(filter(None, inside.values())):
            print(printable(f"{path}: passed over are {', '.join(f'{kind} ({n})' for kind, n in left.items())}"))
        found += [one for one, kind in inside.items() if not kind] or [path]
    return list(dict.fromkeys(found))


def kind_of(path: Path, network: str) -> str:
    """Return why a file of a folder is not restored; "" for what Pillow reads, or would by its name were it intact."""
    if path.is_dir():
        return "folders in it, which are not searched"
    if path.name.endswith(tuple(f"_{network}{end}.png" for end in ENDS)):
        return f"outputs of {network}"
    with suppress(UserError), open_image(path):
        return ""
    return "" if Image.registered_extensions().get(path.suffix.lower()) in Image.OPEN else "files that are no images"


def restore_files(images: Sequence[Path], trained: Trained, asked: argparse.Namespace) -> int:
    """Restore images, one after another; what cannot be is said, and the rest go on. Return the exit code."""
    try:
        check_writable(asked.output / "any")
    except OSError as error:
        raise UserError(f"--output {asked.output} cannot be a folder to write to ({error.strerror}).") from None
    inputs, made, failed = {path.resolve() for path in images}, dict[Path, Path](), 0
    with progress_bar(total=sum(map(work_of, images)), unit="pixel", unit_scale=True) as progress:
        for path in images:
            outputs = [asked.output / f"{path.stem}_{trained.name}{end}.png" for end in ENDS[: 1 + asked.side_by_side]]
            try:
                check_outputs(path, outputs, inputs, made, overwrite=asked.overwrite)
                line = restore_file(path, outputs, trained, progress.update)
                progress.write(printable(line))
            except (UserError, FloatingPointError, MemoryError, torch.OutOfMemoryError) as error:
                failed += 1
                text = str(error) if isinstance(error, UserError) else f"{path} cannot be restored ({error})."
                progress.write(f"error: {printable(text)}", file=sys.stderr)
    print(f"{len(images) - failed} of {len(images)} images restored, in {printable(str(asked.output))}")
    return 1 if failed else 0


def check_outputs(
    path: Path, outputs: Sequence[Path], inputs: set[Path], made: dict[Path, Path], *, overwrite: bool
) -> None:
    """Refuse outputs that would replace an input, what is there, or another image's (`made`: output -> image)."""
    for output in outputs:
        other = made.setdefault(output, path)
        if output.resolve() in inputs:
            raise UserError(f"{output} is itself an image to restore: name another folder with --output.")
        if other != path:
            raise UserError(f"{path} and {other} would both become {output}: rename one of them.")
        if output.exists() and not overwrite:
            raise UserError(f"{output} is there already: add --overwrite, or name another folder with --output.")


def restore_file(path: Path, outputs: Sequence[Path], trained: Trained, on_pixels: Callable[[int], object]) -> str:
    """Restore an image into the first of `outputs`, beside its input into the second; return what was done."""
    photograph = read_photograph(path)

    def restore_tile(part: Tensor) -> Tensor:
        restored = restore(trained.network, part[0])[None]
        on_pixels(part[0, 0].numel())
        return restored

    # In smaller tiles than an evaluation's: memory is a user's, and the time left is known sooner.
    restored = restore_tiled(restore_tile, photograph.rgb[None])[0]
    after = finish(restored, photograph)
    write_photograph(outputs[0], after, photograph.profile)
    for beside in outputs[1:]:
        before, both = finish(photograph.rgb, photograph), Image.new(after.mode, (2 * after.width, after.height))
        both.paste(before.resize(after.size, Image.Resampling.BICUBIC), (0, 0))
        both.paste(after, (after.width, 0))
        write_photograph(beside, both, photograph.profile)
    height, width = photograph.rgb.shape[1:]
    sizes = f"{width}x{height} to {after.width}x{after.height}"
    return f"{path} -> {outputs[0]} ({'; '.join([sizes, *photograph.notes])})"


def finish(pixels: Tensor, photograph: Photograph) -> Image.Image:
    """Turn (3, H, W) uint8 into an image that is grey, or transparent, where the photograph is."""
    image = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    image = image.convert("L") if photograph.grey else image
    if photograph.alpha is not None:
        image.putalpha(photograph.alpha.resize(image.size, Image.Resampling.BICUBIC))
    return image


def write_photograph(path: Path, image: Image.Image, profile: bytes | None) -> None:
    """Write an image as a PNG file, atomically."""
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG", icc_profile=profile)


def work_of(path: Path) -> int:
    """Return how many pixels a network is given of an image, overlaps of tiles included; 0 where it cannot be read."""
    try:
        with open_image(path) as image:
            tiled = [[*spans(side, TILE + 2 * OVERLAP, OVERLAP)] for side in image.size]
            return math.prod(sum(span.stop - span.start for span in side) for side in tiled)
    except UserError:
        return 0  # which is said in its turn


def read_photograph(path: Path) -> Photograph:
    """Read an image of any kind that Pillow reads, upright, as 8-bit RGB; UserError where it cannot be read."""
    if path.is_dir():
        raise UserError(f"The folder {path} holds no images to restore (folders in it are not searched).")
    notes = list[str]()
    with open_image(path) as image:
        layout: Any = getattr(image, "tile", [])
        deep = image.mode.startswith("I") or any(";16" in str(tile[3]) for tile in layout)
        frames = getattr(image, "n_frames", 1)
        image.load()
        upright = ImageOps.exif_transpose(image)
        notes += [f"the first of {frames} frames"] if frames > 1 else []
        notes += ["8 of its 16 bits"] if deep else []
        notes += ["turned as its EXIF orientation says"] if image.getexif().get(ORIENTATION) in range(2, 9) else []
        values = np.asarray(upright) if image.mode.startswith(("I", "F")) else np.zeros(1)
        if image.mode == "F" or values.max() > 65535:
            raise UserError(f"{path} has floating-point or 32-bit pixels: save it with 8 or 16 bits first.")
        if image.mode.startswith("I"):
            upright = Image.fromarray((values / 257).round().astype(np.uint8))
        alpha = upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None
        if alpha is not None and alpha.getextrema() == (255, 255):
            alpha = None
        notes += ["transparency enlarged by bicubic"] if alpha is not None else []
        colours = upright.mode in {"RGB", "RGBA"}
        notes += [f"{upright.mode} became RGB without its profile"] if upright.mode in {"CMYK", "YCbCr", "LAB"} else []
        rgb = torch.from_numpy(pixels_of(upright.convert("RGB")))
        grey = upright.mode in {"1", "L", "LA"}
        profile = image.info.get("icc_profile") if colours else None
    return Photograph(rgb, grey, alpha, profile, notes)
