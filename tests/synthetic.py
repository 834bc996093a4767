"""A study folder made of invented numbers, for tests alone: plausible in size and direction, measured by nobody."""

import json
import shutil
import zlib
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from sharploss.config.params import load_params
from sharploss.planning.plan import expand
from sharploss.record.keys import variant_of

REPOSITORY = Path(__file__).parents[1]

LOSSES = {
    "l1": {"l1": 1},
    "l2": {"l2": 1},
    "charbonnier": {"charbonnier": {"eps": 0.001}},
    "ssim": {"ssim": 1},
    "l1_tv": {"l1": 1, "tv": 0.01},
    "l1_gv": {"l1": 1, "gv": 0.01},
    "l2_gv": {"l2": 1, "gv": 0.01},
    "l1_second_order": {"l1": 1, "second_order": 0.1},
    "sploss": {"sploss": {"alpha": 2}},
}
ALPHAS = {f"sploss_a{alpha}": {"sploss": {"alpha": alpha}} for alpha in (0, 1, 3, 4, 6, 8, 10)}
NETWORKS = {"espcn": (26.0, 24_000), "vdsr": (26.3, 11_000), "edsr": (26.6, 41_000)}
IMAGES = {
    "skimage_test": {"astronaut": 0.9, "camera": -0.5, "chelsea": 2.6, "rocket": 0.4},
    "set5": {"baby": 4.0, "bird": 2.1, "butterfly": -3.9, "head": 3.0, "woman": 0.2},
}
# What each loss does in this invented world: change of PSNR (dB) and of the gradient-variance ratio.
EFFECT = {
    "l1": (0, 0),
    "l2": (-0.04, -0.03),
    "charbonnier": (0.01, 0),
    "ssim": (-0.35, 0.05),
    "l1_tv": (-0.15, -0.06),
    "l1_gv": (0.03, 0.03),
    "l2_gv": (-0.02, 0.02),
    "l1_second_order": (-0.08, 0.05),
}
STEPS = 300
# What `wide` adds: a task that keeps the size, another recipe with a baseline of its own, a loss without weights.
EXTRA_LOSSES = {"esrgan": {"l1": 0.01, "ragan": 0.005}, "l1_vgg": {"l1": 1, "vgg": 0.1}}
EXTRA_EFFECT = {"esrgan": (-0.9, 0.3), "l1_vgg": (-0.2, 0.1)}
SETS = {"train": ["skimage_train"], "validation": ["skimage_validation"], "test": ["skimage_test", "set5"]}
SR, SHARPEN = {"kind": "sr", "scale": 4, **SETS}, {"kind": "sharpen", "scale": 1, **SETS}
NO_WEIGHTS = "the weights vgg19 are in no cache, no mirror is set and there is no network"
CURE = "'python -m sharploss data fetch vgg19' downloads them"


def noise(*what, scale=1.0):
    """A normal number that depends on nothing but its name."""
    return float(np.random.default_rng(zlib.crc32(repr(what).encode())).normal(0, scale))


def effect(loss, spec):
    if loss in EFFECT | EXTRA_EFFECT:
        return (EFFECT | EXTRA_EFFECT)[loss]
    alpha = spec["sploss"]["alpha"]
    return -0.06 * alpha, 0.16 * (1 - np.exp(-alpha / 4))


def image_scores(psnr, sharpness, lpips, name):
    """Every metric of one image, in the order of the real files."""
    ssim = 1 - 0.24 * 10 ** (-(psnr - 27) / 22)
    values = {
        ("psnr", "y"): psnr,
        ("psnr", "rgb"): psnr - 1.32 + noise(name, "rgb", scale=0.01),
        ("ssim", "y"): ssim,
        ("ssim", "rgb"): ssim - 0.021,
        ("lpips", "alex_v0.1"): 0.42 - 0.35 * (sharpness - 0.45),
        ("niqe", "y"): 8.1 - 4.0 * (sharpness - 0.45) + noise(name, "niqe", scale=0.1),
        ("gradient_variance_ratio", "grey"): sharpness,
        ("blurred_edge_share", "rgb"): 0.83 - 0.6 * (sharpness - 0.45),
    }
    return {key: value for key, value in values.items() if lpips or key[0] not in ("lpips", "niqe")}


def run_lines(run, base, changes, measured, twin=None, fid=False):
    """Score rows of one run; a run and its `twin` (same seed, equal loss) score exactly alike."""
    (change, sharper), (datasets, lpips) = changes, measured
    for dataset in datasets:
        if fid:  # one number for the whole set
            yield f"{run},{dataset},*,fid,inception_p128,{float(60 - 50 * sharper + noise(twin or run, dataset))!r}"
        for image, ease in IMAGES[dataset].items():
            name = (twin or run, dataset, image)
            psnr = base + ease + change * (1 + noise(*name, "change", scale=0.3)) + noise(twin or run, scale=0.02)
            sharpness = 0.5 + sharper * (1 + noise(*name, "sharper", scale=0.15)) + 0.02 * ease + 0.01 * (base - 26)
            for (metric, protocol), value in image_scores(psnr, sharpness, lpips, name).items():
                yield f"{run},{dataset},{image},{metric},{protocol},{float(value)!r}"


def write_csv(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("run,dataset,image,metric,protocol,value\n" + "\n".join(lines) + "\n")


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1))


def write_run(root, key, run, spec, diverged_at):
    """metrics.json, history.jsonl and provenance.json of one run."""
    folder = root / "results" / "mini" / "runs" / key
    if "vgg" in spec:
        write_json(folder / "metrics.json", {"status": "not_trained", "reason": NO_WEIGHTS, "cure": CURE})
        return
    base, parameters = NETWORKS[run["network"]]
    change, _ = effect(run["loss"], spec)
    terms = {name: 0.12 * (1 + noise(key, name, scale=0.1)) for name in spec}
    last = diverged_at or STEPS
    lines = []
    for step in range(20, last + 1, 20):
        now = {name: value * (0.25 + 0.75 * np.exp(-step / 60)) for name, value in terms.items()}
        lines.append({"event": "train", "step": step, "lr": 2e-3, "total": sum(now.values()), "terms": now})
        if step % 100 == 0 or step == last:
            lines.append({"event": "validation", "step": step, "psnr_y": base + 1 + change - 4 * np.exp(-step / 70)})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    seconds = parameters / 6000 * (1.15 if "ssim" in run["loss"] else 1.0) * (1 + abs(noise(key, "time", scale=0.03)))
    status = "diverged" if diverged_at else "finished"
    term = list(spec)[-1]
    write_json(
        folder / "metrics.json",
        {
            "status": status,
            "step": last,
            "validation": {"psnr_y": base + 1 + change},
            "terms": terms,
            "diverged": {"term": term, "step": diverged_at} if diverged_at else None,
        },
    )
    write_json(
        folder / "provenance.json",
        {
            "started": f"2026-01-02T03:04:{run['seed'] % 60:02d}+00:00",
            "seconds": seconds,
            "steps_per_second": last / seconds,
            "patches_per_second": 8 * last / seconds,
            "device": "cpu",
            "hardware": "an invented processor, 2 cores",
            "versions": {"python": "3.11.0", "sharploss": "0.1.0", "torch": "2.13.0"},
            "commit": "0123abc",
            "parameters": parameters,
            "config": {
                "task": SHARPEN if run["task"] == "sharpen" else SR,
                "network": {"network": run["network"]},
                "loss": spec,
                "recipe": {"steps": STEPS, "batch": 8, "patch": 24, "learning_rate": 0.001},
                "seed": run["seed"],
            },
        },
    )


def picture(blur, size=96):
    """An invented crop: stripes and a disc, softened."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    disc = 1 / (1 + np.exp((np.hypot(rows - 0.5, columns - 0.45) - 0.3) * 60 / (1 + 4 * blur)))
    stripes = 0.5 + 0.5 * np.sin(columns * 70 + 6 * rows) * np.exp(-blur)
    red = 0.15 + 0.7 * disc * stripes
    return np.uint8(255 * np.clip(np.stack([red, 0.6 * red + 0.1 + 0.2 * rows, 0.8 - 0.5 * disc], axis=-1), 0, 1))


@cache
def png_of(blur):
    file = BytesIO()
    Image.fromarray(picture(blur)).save(file, format="png", compress_level=1)
    return file.getvalue()


def save_picture(path, blur):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_of(blur))


def write_edge(path):
    """A slanted soft edge and its blurred copy, with SPLoss's own quantities (facts.md A1, 4 neighbours, alpha 2)."""
    rows, columns = np.mgrid[0:32, 0:32].astype(float)
    distance = columns - 15.5 - 0.35 * (rows - 16)
    target = 0.2 + 0.6 / (1 + np.exp(-distance / 0.7)) + 0.15 * np.exp(-((distance - 6) ** 2) / 2)
    output = 0.2 + 0.6 / (1 + np.exp(-distance / 2.0)) + 0.08 * np.exp(-((distance - 6) ** 2) / 8)
    padded = np.pad(target, 1, mode="edge")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * target
    error = output - target
    penalised = ((laplacian > 0) & (error > 0)) | ((laplacian <= 0) & (error <= 0))
    weight = 1 + 2 * np.abs(laplacian) * penalised
    path.parent.mkdir(parents=True, exist_ok=True)
    grids = [rows, columns, target, output, laplacian, error, penalised, weight]
    values = np.stack([np.ravel(grid) for grid in grids], axis=1)
    header = "row,column,target,output,laplacian,error,penalised,weight"
    np.savetxt(
        path,
        values,
        fmt=["%d", "%d", "%.9g", "%.9g", "%.9g", "%.9g", "%d", "%.9g"],
        delimiter=",",
        header=header,
        comments="",
    )


def change_suites(params, wide, networks, losses, alphas):
    """Make the mini study do what the invented one does; `wide` adds a task, a recipe and a loss without weights."""
    known = params["suites"]
    pairings = known["pairings"] | {"networks": [*networks], "losses": [*losses]}
    params["suites"] = {"pairings": pairings}
    if alphas:
        sweep = {"networks": ["edsr"], "losses": ["sploss", *alphas]}
        params["suites"]["alpha_sweep"] = known["alpha_sweep"] | sweep
    if wide:
        same = {"tasks": ["sharpen"], "networks": ["edsr"], "losses": ["l1", "sploss", "l2", "l2_gv", "l1_vgg"]}
        params["suites"]["same_size"] = pairings | same
        adversarial = {"networks": ["edsr"], "losses": ["l1", "esrgan", "l1_vgg"], "recipe": "mini_gan"}
        params["suites"]["adversarial"] = pairings | adversarial


def write_params(root, seeds, wide, *members):
    params = yaml.safe_load((REPOSITORY / "tests" / "study.yaml").read_text())
    params["seeds"] = list(seeds)
    if wide:
        params["tasks"]["sharpen"] = {**SHARPEN}
        del params["tasks"]["sharpen"]["scale"]  # as a person would write it
        params["losses"] |= EXTRA_LOSSES
        params["crops"] = {name: params["crops"][name] for name in ("eye", "face")}
    change_suites(params, wide, *members)
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def edit_params(root, change):
    """Change the params.yaml of an invented study."""
    path = root / "params.yaml"
    params = yaml.safe_load(path.read_text())
    change(params)
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def write_group(root, group, plan, diverged, measured):
    lines = []
    for key in plan["groups"][group]["runs"]:
        run = plan["runs"][key]
        spec = (LOSSES | ALPHAS | EXTRA_LOSSES)[run["loss"]]
        at = diverged.get(key)
        write_run(root, key, run, spec, at)
        twin = key.replace("sploss_a0", "l1")
        base, changes = NETWORKS[run["network"]][0] + 0.05 * run["seed"], effect(run["loss"], spec)
        # Adversarial runs start from a trained network, so their own baseline is better than the other.
        base += 0.5 if run["recipe"] == "mini_gan" else 0.0
        gone = at or "vgg" in spec
        if not gone:
            lines += run_lines(key, base, changes, measured, twin, fid=run["recipe"] == "mini_gan")
        variant = variant_of(key, group)
        for crop, blur in (("eye", 1.0), ("face", 0.7)) if not gone else ():
            path = root / "results" / "mini" / "crops" / group / f"{crop}-{variant}.png"
            if not path.exists():  # the first seed that has one
                save_picture(path, blur - 3 * changes[1])
    folder = root / "results" / "mini" / "scores"
    write_csv(folder / f"{group}.csv", lines)
    write_json(folder / f"{group}.json", gaps(*measured) | {"seconds": 3.5})


def gaps(datasets, lpips):
    not_measured = (
        {}
        if lpips
        else {
            name: f"the weights of {name} are in no cache, no mirror is set and there is no network"
            for name in ("lpips", "niqe")
        }
    )
    return {
        "not_measured": not_measured,
        "missing_sets": {} if "set5" in datasets else {"set5": "it is not in the cache and there is no network"},
    }


def make_study(
    root,
    seeds=(0,),
    set5=True,
    lpips=True,
    diverged=("sr_x4-vdsr-l2_gv-s0",),
    wide=False,
    networks=NETWORKS,
    losses=LOSSES,
    alphas=ALPHAS,
):
    """Write a whole invented study: 34 runs a seed, one of them diverged; 8 more when it is `wide`.

    With fewer networks, losses or alphas it is smaller.
    """
    root = Path(root)
    datasets = ["skimage_test", *(["set5"] if set5 else [])]
    root.mkdir(parents=True, exist_ok=True)
    write_params(root, seeds, wide, networks, losses, alphas)
    plan = expand(load_params(root / "params.yaml"))
    shutil.copy(REPOSITORY / "claims.yaml", root / "claims.yaml")
    shutil.copytree(REPOSITORY / "results" / "published", root / "results" / "published")
    shutil.copytree(REPOSITORY / "studies", root / "studies")
    measured = (datasets, lpips)
    for group in plan["groups"]:
        write_group(root, group, plan, dict.fromkeys(diverged, 140), measured)
    write_input_baseline(root, "sr_x4", "bicubic", 25.1, measured)
    if wide:
        write_input_baseline(root, "sharpen", "input", 24.0, measured)
    return root


def write_input_baseline(root, task, name, base, measured):
    reference = root / "results" / "mini" / "input_baselines" / task
    write_csv(reference / "scores.csv", run_lines(f"{task}-{name}", base, (0, -0.12), measured))
    write_json(reference / "scores.json", gaps(*measured) | {"seconds": 1.0})
    for crop, blur in (("eye", 1.0), ("face", 0.7)):
        save_picture(reference / f"{crop}-target.png", 0.0)
        save_picture(reference / f"{crop}-{name}.png", blur + 0.6)
    write_edge(reference / "edge.csv")
