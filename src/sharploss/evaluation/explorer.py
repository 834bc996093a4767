"""Crops for the page's image explorer: whole test images restored as an evaluation does, then cut out and measured."""

from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor

from sharploss.config.params import Params
from sharploss.config.protocols import METRIC_INFO, reference_of
from sharploss.config.run_config import RunConfig
from sharploss.config.sections import Crop
from sharploss.data.degrade import degrade
from sharploss.data.images import crop, read_image
from sharploss.data.sets import find_images
from sharploss.evaluation.crops import check_inside, cut_out
from sharploss.evaluation.group import enlarge
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.score import Measures, load_measures
from sharploss.metrics import CachedImage
from sharploss.record.explorer import ExplorerCrop, ExplorerNetwork, ExplorerPicture, save_explorer
from sharploss.record.keys import TARGET, explorer_file, network_of, task_of, variant_of
from sharploss.record.paths import StudyPaths
from sharploss.training.device import choose_device, set_mode
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import atomic_path

SCORED_BY = ("psnr", "ssim", "lpips", "gradient_variance_ratio")
"""What is measured on a crop, by each one's first protocol, without a border: a crop's is none of its image's."""

MOST = 4_000_000  # bytes of all pictures together: they come with the repository, and lie beside the page

Groups = Mapping[str, Mapping[str, RunConfig | str]]
"""Group -> key of a run -> its settings, or why it is only named: "its weights were not here"."""


def write_explorer(params: Params, groups: Groups, files: StudyPaths) -> int:
    """Restore, cut out and measure the crops of `params.explorer`; write pictures and index.json, return the bytes.

    Pictures are WebP without loss. UserError where a set, an image or a metric cannot be had, or all is too large.
    """
    set_mode("exact")
    measures = load_measures(SCORED_BY)
    for name, reason in measures.not_measured.items():
        raise UserError(f"{METRIC_INFO[name]['title']} cannot be measured: {reason}.")
    files.explorer.mkdir(parents=True, exist_ok=True)
    for old in files.explorer.glob("*.webp"):
        old.unlink()
    index = [_show(params, name, groups, files, measures) for name in params.explorer]
    size = sum(path.stat().st_size for path in files.explorer.glob("*.webp"))
    if size > MOST:
        raise UserError(f"explorer: the pictures take {size} bytes, more than {MOST}: name fewer or smaller crops.")
    save_explorer(files, index)
    return size


def _show(params: Params, name: str, groups: Groups, files: StudyPaths, measures: Measures) -> ExplorerCrop:
    area, networks = params.explorer[name], list[ExplorerNetwork]()
    task, device = params.tasks[area.task], choose_device()
    target, degraded = _open_image(params, name, area)
    truth = CachedImage(cut_out(area, target)[None])

    def keep(variant: str, restored: Tensor, network: str = "") -> ExplorerPicture:
        picture = cut_out(area, restored)
        file = explorer_file(name, network, variant)
        with atomic_path(files.explorer / file) as temporary:
            image = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
            # With quality 100, the most effort, they are 4 % smaller, in 20 times the time.
            image.save(temporary, format="WebP", lossless=True, quality=80, method=6)
        output, scores = CachedImage(picture[None]), dict[str, float]()
        for metric in SCORED_BY if variant != TARGET else ():
            protocol = METRIC_INFO[metric]["protocols"][0]
            scores[metric] = round(measures.of_image[metric](output, truth, protocol, 0).item(), 6)
        return ExplorerPicture(variant=variant, file=file, scores=scores)

    shared = [keep(TARGET, target), keep(reference_of(task.scale), enlarge(degraded, task.scale))]
    for group, runs in groups.items():
        if task_of(group) != area.task:
            continue
        pictures, network = list(shared), network_of(group)
        for key, config in runs.items():
            variant = variant_of(key, group)
            why = config if isinstance(config, str) else "its training did not finish"
            trained = None if isinstance(config, str) else load_network(files.weights(group, key), config, device)
            made = None if trained is None else keep(variant, restore(trained, degraded), network)
            pictures.append(made or ExplorerPicture(variant=variant, missing=why))
        networks.append(ExplorerNetwork(name=network, pictures=pictures))
    return ExplorerCrop(name=name, **area.model_dump(), networks=networks)


def _open_image(params: Params, name: str, area: Crop) -> tuple[Tensor, Tensor]:
    """Return the ground truth of a crop's image and what a network is given of it, made as `prepare` makes them."""
    task = params.tasks[area.task]
    items = {item.name: item for item in find_images(area.dataset, task, params.datasets)}
    if area.item not in items:
        raise UserError(f"explorer.{name}.image: {unknown('test image', area.item, items)}")
    item = items[area.item]
    given = None if item.given is None else torch.from_numpy(read_image(item.given))
    target, degraded = degrade(crop(torch.from_numpy(read_image(item.path)), item.crop), task, item.name, given)
    check_inside(f"explorer.{name}", area, *target.shape[1:])
    return target, degraded
