"""The rectangles of test images that the comparison figures show."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from sharploss.config.sections import Crop
from sharploss.data.images import write_png
from sharploss.data.pack import Pack
from sharploss.utils.errors import UserError, unknown

Crops = Mapping[str, Crop]  # by their names in params.yaml


def find_crops(crops: Crops, task_name: str, packs: Sequence[Pack]) -> dict[str, Crop]:
    """Return one task's crops of params.yaml, those of sets and images that could not be used left out.

    UserError where one names a set or an image that is not tested on, or reaches beyond its image.
    """
    sizes = {name: tuple(pack.target(index).shape[-2:]) for pack in packs for index, name in enumerate(pack.names)}
    sets = [name for pack in packs for name in pack.sets]
    absent = {name for pack in packs for name in (*pack.missing, *pack.left_out)}
    found: dict[str, Crop] = {}
    for name, crop in crops.items():
        if crop.task != task_name or absent & {crop.dataset, crop.item}:
            continue
        if crop.dataset not in sets:
            raise UserError(f"crops.{name}.dataset: {unknown('test set', crop.dataset, sets)}")
        if crop.item not in sizes:
            raise UserError(f"crops.{name}.image: {unknown('test image', crop.item, sizes)}")
        check_inside(f"crops.{name}", crop, *sizes[crop.item])
        found[name] = crop
    return found


def cut_out(crop: Crop, image: Tensor) -> Tensor:
    """Cut a crop out of (..., H, W), as a copy that does not keep the whole image in memory."""
    return image[..., crop.top : crop.top + crop.height, crop.left : crop.left + crop.width].clone()


def check_inside(where: str, crop: Crop, height: int, width: int) -> None:
    """Refuse (UserError) a crop that reaches beyond an image of this size; `where` params.yaml has it."""
    if crop.top + crop.height > height or crop.left + crop.width > width:
        raise UserError(f"{where} reaches beyond {crop.item}, which is {height} pixels high and {width} wide.")


def write_crops(folder: Path, pictures: Mapping[str, Tensor]) -> None:
    """Write {file name: (3, H, W) uint8} as PNG files; the folder exists afterwards even when there are none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        write_png(folder / name, picture.contiguous().numpy())
