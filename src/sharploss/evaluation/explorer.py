"""Crops for the page's image explorer: whole test images restored as an evaluation does, then cut out and measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from sharploss.config import sections
from sharploss.config.params import Params
from sharploss.config.protocols import METRIC_INFO, reference_of
from sharploss.config.run_config import RunConfig
from sharploss.data.degrade import degrade
from sharploss.data.images import crop, read_image
from sharploss.data.sets import find_images
from sharploss.evaluation.crops import Crop
from sharploss.evaluation.group import enlarge
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.score import Measures, load_measures
from sharploss.metrics import CachedImage
from sharploss.record.keys import TARGET, crop_file, variant_of
from sharploss.record.paths import StudyPaths
from sharploss.training.device import choose_device, set_mode
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import atomic_path, write_json

METRICS = ("psnr", "ssim", "lpips", "gradient_variance_ratio")
"""What is measured on a crop, by each one's first protocol, without a border: a crop's is none of its image's."""

MOST = 4_000_000  # bytes of all pictures together: they come with the repository, and lie beside the page

Runs = Mapping[str, Mapping[str, RunConfig | str]]
"""Group -> key of a run -> its settings, or why it is only named: "its weights were not here"."""


def write_explorer(params: Params, groups: Runs, files: StudyPaths) -> int:
    """Restore, cut out and measure the crops of `params.explorer`; write pictures and index.json, return the bytes.

    Pictures are WebP without loss. UserError where a set, an image or a metric cannot be had, or all is too large.
    """
    set_mode("exact")
    measures = load_measures(METRICS)
    for name, reason in measures.not_measured.items():
        raise UserError(f"{METRIC_INFO[name]['title']} cannot be measured: {reason}.")
    files.explorer.mkdir(parents=True, exist_ok=True)
    for old in files.explorer.glob("*.webp"):
        old.unlink()
    index = [_show(params, name, groups, files, measures) for name in params.explorer]
    size = sum(path.stat().st_size for path in files.explorer.glob("*.webp"))
    if size > MOST:
        raise UserError(f"explorer: the pictures take {size} bytes, more than {MOST}: name fewer or smaller crops.")
    write_json(files.explorer / "index.json", index)
    return size


def _show(params: Params, name: str, groups: Runs, files: StudyPaths, measures: Measures) -> dict[str, Any]:
    spec, networks = params.explorer[name], list[dict[str, Any]]()
    task, device = params.tasks[spec.task], choose_device()
    area, target, degraded = _open_crop(params, name, spec)
    truth = CachedImage(area.of(target)[None])

    def keep(variant: str, restored: Tensor, network: str = "") -> dict[str, Any]:
        picture = area.of(restored)
        file = Path(crop_file("-".join(filter(None, [name, network])), variant)).with_suffix(".webp")
        with atomic_path(files.explorer / file) as temporary:
            image = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
            # With quality 100, the most effort, they are 4 % smaller, in 20 times the time.
            image.save(temporary, format="WebP", lossless=True, quality=80, method=6)
        output, scores = CachedImage(picture[None]), dict[str, float]()
        for metric in METRICS if variant != TARGET else ():
            protocol = METRIC_INFO[metric]["protocols"][0]
            scores[metric] = round(measures.of_image[metric](output, truth, protocol, 0).item(), 6)
        return {"variant": variant, "file": file.name, "scores": scores}

    shared = [keep(TARGET, target), keep(reference_of(task.scale), enlarge(degraded, task.scale))]
    for group, runs in groups.items():
        if not group.startswith(f"{spec.task}-"):
            continue
        pictures, network = list(shared), group.removeprefix(f"{spec.task}-")
        for key, config in runs.items():
            variant = variant_of(key, group)
            why = config if isinstance(config, str) else "its training did not finish"
            trained = None if isinstance(config, str) else load_network(files.weights(group, key), config, device)
            made = None if trained is None else keep(variant, restore(trained, degraded), network)
            pictures.append(made or {"variant": variant, "missing": why})
        networks.append({"name": network, "pictures": pictures})
    return {"name": name, **spec.model_dump(), "networks": networks}


def _open_crop(params: Params, name: str, spec: sections.Crop) -> tuple[Crop, Tensor, Tensor]:
    """Return a crop, its image's ground truth and what a network is given of it, made as `prepare` makes them."""
    settings = params.tasks[spec.task].model_dump(mode="json", exclude={"train", "validation", "test", "tune"})
    own = {name: dataset.model_dump() for name, dataset in params.datasets.items()}
    items = {item.name: item for item in find_images(spec.dataset, settings, own)}
    image = f"{spec.dataset}/{spec.image}"
    if image not in items:
        raise UserError(f"explorer.{name}.image: {unknown('test image', image, items)}")
    item = items[image]
    given = None if item.given is None else torch.from_numpy(read_image(item.given))
    target, degraded = degrade(crop(torch.from_numpy(read_image(item.path)), item.crop), settings, image, given)
    area = Crop(name, image, spec.top, spec.left, spec.height, spec.width)
    area.check_inside(f"explorer.{name}", *target.shape[1:])
    return area, target, degraded
