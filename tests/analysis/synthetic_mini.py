"""An invented study with every run of tests/study.yaml: nine tasks, eleven networks. For tests alone."""

import csv
import io
import shutil

import numpy as np

import synthetic
from sharploss.config.loss_spec import ADVERSARIAL
from sharploss.config.params import load_params
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import expand
from sharploss.record.keys import variant_of
from sharploss.utils.files import write_text

BASE = {"sr_x2": 31.0, "sr_x3": 27.8, "sr_x3_no_mod_crop": 25.4, "denoise_s25": 29.0, "jpeg_q10": 28.0}
"""PSNR (dB) of L1 in this invented world, 26 elsewhere."""

NEEDS_WEIGHTS = ("vgg", "lpips", "texture")
TERMS = {
    "l2": (-0.04, -0.03),
    "ssim": (-0.35, 0.05),
    "ms_ssim": (-0.3, 0.02),
    "gv": (0.03, 0.03),
    "tv": (-0.15, -0.06),
    "second_order": (-0.08, 0.05),
    "mdf": (-0.4, 0.1),
    "vgg": (-0.2, 0.12),
    "lpips": (-0.25, 0.15),
    "ragan": (-0.9, 0.3),
    "sharpgan": (-0.5, 0.2),
}


def changes_of(spec):
    """What a loss does: change of PSNR (dB) and of the gradient-variance ratio, the sum of its terms' effects."""
    total = np.zeros(2)
    for term, value in spec.items():
        parameters = value if isinstance(value, dict) else {"weight": value}
        weight = parameters.get("weight", 1)
        if term == "sploss":
            alpha = parameters["alpha"]
            total += [-0.06 * alpha, 0.16 * (1 - np.exp(-alpha / 4))]
        else:
            total += np.array(TERMS.get(term, (0, 0))) * (1 + np.log10(1 + 30 * weight)) / 2
    return float(total[0]), float(total[1])


def variance_rows(run, share):
    for direction in "xy":
        for point in range(48):
            target = 1e-4 * np.exp(point / 7)
            yield [run, "skimage_test/chelsea", direction, f"{(point + 0.5) / 48:.4f}", 40, target, target * share]


def write_variance(path, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "image", "direction", "rank", "patches", "target", "output"])
    writer.writerows(rows)
    write_text(path, text.getvalue())


def make_mini(root, weights=True):
    """Write the study; without `weights` the losses that need downloaded ones are recorded as not trained."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(synthetic.REPOSITORY / "claims.yaml", root)
    shutil.copy(synthetic.REPOSITORY / "tests" / "study.yaml", root / "params.yaml")
    shutil.copytree(synthetic.REPOSITORY / "results" / "published", root / "results" / "published")
    shutil.copytree(synthetic.REPOSITORY / "studies", root / "studies")
    params = load_params(root / "params.yaml")
    plan = expand(params)
    crops = {name: crop.task for name, crop in params.crops.items()}
    for group in plan["groups"]:
        write_group(root, params, plan, group, crops, weights)
    for task in params.tasks:
        write_input_baseline(root, params, task, crops)
    return root


def write_group(root, params, plan, group, crops, weights):
    lines, curves, seen = [], [], set()
    for key in plan["groups"][group]["runs"]:
        run = plan["runs"][key]
        config = resolve_run(params, run).model_dump(mode="json")
        spec = config["loss"]
        if not weights and any(term in spec for term in NEEDS_WEIGHTS):
            reason = {"status": "not_trained", "reason": synthetic.NO_WEIGHTS}
            synthetic.write_json(root / "results" / "mini" / "runs" / key / "metrics.json", reason)
            continue
        changes = changes_of(spec)
        write_record(root, key, run, config, changes)
        base = BASE.get(run["task"], 26.0) + (0.3 if run["network"] == "edsr" else 0.0)
        lines += synthetic.run_lines(key, base, changes, (config["task"]["test"], True))
        variant = variant_of(key, group)
        if variant not in seen:
            curves += variance_rows(key, 0.55 + changes[1])
            for crop in (name for name, task in crops.items() if task == run["task"]):
                path = root / "results" / "mini" / "crops" / group / f"{crop}-{variant}.png"
                synthetic.save_picture(path, max(0.05, 1 - 3 * changes[1]))
        seen.add(variant)
    folder = root / "results" / "mini" / "scores"
    synthetic.write_csv(folder / f"{group}.csv", lines)
    synthetic.write_json(folder / f"{group}.json", {"not_measured": {}, "missing_sets": {}, "seconds": 3.5})
    write_variance(root / "results" / "mini" / "crops" / group / "variance.csv", curves)


def write_record(root, key, run, config, changes):
    """metrics.json, history.jsonl and provenance.json, through those of the other invented study."""
    folder = root / "results" / "mini" / "runs" / key
    known = {**run, "network": run["network"] if run["network"] in synthetic.NETWORKS else "edsr"}
    synthetic.write_run(root, key, {**known, "loss": "l1"}, {name: 1 for name in config["loss"] if name != "vgg"}, None)
    steps = config["recipe"]["steps"]
    lines = []
    for step in range(20, steps + 1, 10):
        if step % 20 == 0:
            terms = {name: 0.12 * (0.25 + 0.75 * np.exp(-step / 60)) for name in config["loss"]}
            line = {"event": "train", "step": step, "lr": 2e-3, "total": sum(terms.values()), "terms": terms}
            line["gradient"] = 0.5
            players = {"loss": 1.4, "real": 0.02 * step, "fake": -0.02 * step, "gradient": 3.0, "lr": 2e-3}
            lines.append(line | ({"discriminator": players} if set(terms) & set(ADVERSARIAL) else {}))
        if step % 50 == 0 or step == steps:
            late = changes[0] * step / steps + synthetic.noise(key, step, scale=0.02)
            lines.append({"event": "validation", "step": step, "psnr_y": 27 + late - 4 * float(np.exp(-step / 70))})
    write_text(folder / "history.jsonl", "".join(synthetic.json.dumps(line) + "\n" for line in lines))
    for name in ("metrics.json", "provenance.json"):
        record = synthetic.json.loads((folder / name).read_text())
        record |= {"step": steps} if name == "metrics.json" else {"config": config}
        synthetic.write_json(folder / name, record)


def write_input_baseline(root, params, task, crops):
    about = params.tasks[task]
    name = "bicubic" if about.scale > 1 else "input"
    base = BASE.get(task, 26.0) - 0.9
    folder = root / "results" / "mini" / "input_baselines" / task
    synthetic.write_csv(
        folder / "scores.csv", synthetic.run_lines(f"{task}-{name}", base, (0, -0.12), (about.test, True))
    )
    synthetic.write_json(folder / "scores.json", {"not_measured": {}, "missing_sets": {}, "seconds": 1.0})
    synthetic.write_edge(folder / "edge.csv")
    write_variance(folder / "variance.csv", variance_rows(f"{task}-{name}", 0.4))
    for crop in (crop for crop, its in crops.items() if its == task):
        synthetic.save_picture(folder / f"{crop}-target.png", 0.0)
        synthetic.save_picture(folder / f"{crop}-{name}.png", 1.6)
