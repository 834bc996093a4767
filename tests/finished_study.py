"""A study of two runs that are done, as files: what `make repro` leaves, with numbers made up."""

import copy
import json
import shutil
from functools import cache

from sharploss.config.params import load_params
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import dump_plan, expand

KEY, OTHER = "sr_x4-edsr-sploss-s0", "sr_x4-edsr-l1-s0"
IDENTITY = "0123456789ab"
RECORD = [
    {"event": "train", "step": 20, "lr": 0.001, "total": 0.5, "terms": {"sploss": 0.5}},
    {"event": "train", "step": 40, "lr": 0.001, "total": 0.25, "terms": {"sploss": 0.25}},
    {"event": "validation", "step": 40, "psnr_y": 28.5},
]
SCORES = """run,dataset,image,metric,protocol,value
sr_x4-edsr-sploss-s0,set5,baby,psnr,y,30.5
sr_x4-edsr-sploss-s0,set5,bird,psnr,y,31.5
sr_x4-edsr-sploss-s0,set5,baby,ssim,y,0.875
sr_x4-edsr-sploss-s0,skimage_test,chelsea,psnr,y,
sr_x4-edsr-l1-s0,set5,baby,psnr,y,99
"""


@cache
def planned(path):
    """Return the parameters of a study, its plan, and the plan as a file's text."""
    params = load_params(path)
    plan = expand(params)
    return params, plan, dump_plan(plan)


def make(repository, folder):
    """Write the study into `folder`; give its parameters and its plan, which may be changed."""
    shutil.copy(repository / "tests/study.yaml", folder / "params.yaml")
    params, plan, text = planned(repository / "tests/study.yaml")
    params, plan = params.model_copy(deep=True), copy.deepcopy(plan)
    (folder / "runs.yaml").write_text(text)
    for key in (KEY, OTHER):
        config = resolve_run(params, plan["runs"][key]).model_dump(mode="json")
        _run(folder / "results/mini/runs" / key, config)
    (folder / "results/mini/scores").mkdir()
    (folder / "results/mini/scores/sr_x4-edsr.csv").write_text(SCORES)
    (folder / "results/mini/scores/sr_x4-edsr.json").write_text("{}")
    _pictures(folder)
    weights = folder / f"results/mini/weights/sr_x4-edsr/{KEY}.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    return params, plan


def _run(folder, config):
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in RECORD))
    metrics = {"status": "finished", "step": 40, "validation": {"psnr_y": 28.5}, "diverged": None, "reason": None}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    provenance = {
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 2.0,
        "steps_per_second": 20.0,
        "device": "cpu",
        "hardware": "a processor, 1 thread",
        "versions": {"torch": "2.13.0"},
        "commit": "abcdef0",
        "parameters": 4536,
        "config": config,
        "identity": IDENTITY,
        "packs": {"train": "a" * 64, "validation": "b" * 64},
    }
    (folder / "provenance.json").write_text(json.dumps(provenance))


def _pictures(folder):
    from PIL import Image

    crops = folder / "results/mini/crops/sr_x4-edsr"
    crops.mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(crops / "eye-sploss.png")
