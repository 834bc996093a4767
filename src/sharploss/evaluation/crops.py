"""The rectangles of test images that the comparison figures show."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from sharploss.data.images import write_png
from sharploss.data.pack import Pack
from sharploss.utils.errors import UserError, unknown


class Crop(NamedTuple):
    """A rectangle of a test image, in pixels of the ground truth."""

    name: str
    image: str
    top: int
    left: int
    height: int
    width: int

    def of(self, image: Tensor) -> Tensor:
        """Cut it out of (..., H, W), as a copy that does not keep the whole image in memory."""
        return image[..., self.top : self.top + self.height, self.left : self.left + self.width].clone()

    def check_inside(self, where: str, height: int, width: int) -> None:
        """Refuse (UserError) a rectangle that reaches beyond an image of this size; `where` params.yaml has it."""
        if self.top + self.height > height or self.left + self.width > width:
            raise UserError(f"{where} reaches beyond {self.image}, which is {height} pixels high and {width} wide.")


def find_crops(crops: Mapping[str, Mapping[str, Any]], task_name: str, packs: Sequence[Pack]) -> list[Crop]:
    """Return one task's crops of params.yaml, those of sets and images that could not be used left out.

    UserError where one names a set or an image that is not tested on, or reaches beyond its image.
    """
    sizes = {name: tuple(pack.target(index).shape[-2:]) for pack in packs for index, name in enumerate(pack.names)}
    sets = [name for pack in packs for name in pack.sets]
    absent = {name for pack in packs for name in (*pack.missing, *pack.left_out)}
    found: list[Crop] = []
    for name, spec in crops.items():
        image = f"{spec['dataset']}/{spec['image']}"
        if spec["task"] != task_name or absent & {spec["dataset"], image}:
            continue
        if spec["dataset"] not in sets:
            raise UserError(f"crops.{name}.dataset: {unknown('test set', spec['dataset'], sets)}")
        if image not in sizes:
            raise UserError(f"crops.{name}.image: {unknown('test image', image, sizes)}")
        crop = Crop(name, image, *(int(spec[key]) for key in ("top", "left", "height", "width")))
        crop.check_inside(f"crops.{name}", *sizes[image])
        found.append(crop)
    return found


def write_crops(folder: Path, pictures: Mapping[str, Tensor]) -> None:
    """Write {file name: (3, H, W) uint8} as PNG files; the folder exists afterwards even when there are none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        write_png(folder / name, picture.contiguous().numpy())
