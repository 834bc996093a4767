"""What planning, checking and reporting cost with 250, 500 and 1000 runs; results are copies of one real run.

Each command runs in a process of its own: its time, and the most memory that it or a child of it held at once.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SIZES = (250, 500, 1000)
NETWORKS = {"espcn": {"network": "espcn", "width": 8}, "edsr": {"network": "edsr", "blocks": 1, "width": 8}}
MODEL = "sr_x4-edsr-l1-s0"
SEEDS = [0, 1, 2, 3, 4]
COMMANDS = {
    "plan": ["python", "pipelines/plan.py"],
    "plan --check": ["python", "pipelines/plan.py", "--check"],
    "dvc commit, every stage": ["dvc", "commit", "--force", "--quiet"],
    "dvc status": ["dvc", "status"],
    "dvc repro, nothing to do": ["dvc", "repro"],
    "tabulate": ["python", "pipelines/tabulate.py"],
    "judge": ["python", "pipelines/judge.py"],
    "plot": ["python", "pipelines/plot.py"],
    "report": ["python", "pipelines/report.py"],
}


def measure(folder, command, environment):
    """Run a command: (seconds, peak memory in MB). It has to succeed."""
    began = time.perf_counter()
    with (folder / ".log").open("w+") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        if status:
            log.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{log.read()[-3000:]}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def copy_repository(folder):
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        made = name.startswith(("results/", "reports/")) and not name.startswith("results/published/")
        if not made and name != "dvc.lock" and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


def write_params(folder, runs):
    """A study of `runs` runs: two networks, five seeds, and as many penalties of SPLoss as it takes."""
    params = yaml.safe_load((folder / "studies/mini.yaml").read_text())
    losses = {"l1": {"l1": 1}, "sploss": {"sploss": {"alpha": 2}}}
    count = runs // (len(NETWORKS) * len(SEEDS))
    losses |= {f"penalty_{index}": {"l1": 1, "sploss": {"alpha": index}} for index in range(count - len(losses))}
    suite = {"question": "?", "tasks": ["sr_x4"], "networks": [*NETWORKS], "losses": [*losses], "recipe": "mini"}
    params |= {"networks": NETWORKS, "losses": losses, "seeds": SEEDS, "suites": {"pairings": suite}, "extractors": {}}
    params["recipes"] = {"mini": params["recipes"]["mini"]}
    params["tasks"] = {"sr_x4": params["tasks"]["sr_x4"]}
    params["crops"] = {name: crop for name, crop in params["crops"].items() if crop["task"] == "sr_x4"}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def write_results(folder):
    """Give every run the results of one real run, a little changed, in the layout that the stages leave."""
    plan = yaml.load((folder / "runs.yaml").read_text(), Loader=yaml.CSafeLoader)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    results, real = folder / "results", ROOT / "results"
    shutil.copytree(real / "unrestored/sr_x4", results / "unrestored/sr_x4")
    shutil.copy(real / "calibration.csv", results)
    table = (real / "scores/sr_x4-edsr.csv").read_text().splitlines()
    rows = [row.split(",") for row in table if row.startswith(f"{MODEL},")]
    lines = {group: [table[0]] for group in plan["groups"]}
    provenance = json.loads((real / f"runs/{MODEL}/provenance.json").read_text())
    for index, (key, run) in enumerate(plan["runs"].items()):
        target = results / "runs" / key
        shutil.copytree(real / "runs" / MODEL, target)
        provenance["config"] |= {"loss": params["losses"][run["loss"]], "seed": run["seed"]}
        (target / "provenance.json").write_text(json.dumps(provenance))
        weights = results / "weights" / run["group"] / f"{key}.safetensors"
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.write_bytes(key.encode() * 1000)
        lines[run["group"]] += [
            ",".join([key, *row[1:5], f"{float(row[5]) + 1e-3 * (index % 97):.6f}"]) for row in rows
        ]
        crops = results / "crops" / run["group"]
        crops.mkdir(parents=True, exist_ok=True)
        for name in params["crops"]:
            shutil.copy(real / f"crops/sr_x4-edsr/{name}-l1.png", crops / f"{name}-{run['loss']}.png")
    (results / "scores").mkdir()
    for group, text in lines.items():
        (results / "scores" / f"{group}.csv").write_text("\n".join(text) + "\n")
        shutil.copy(real / "scores/sr_x4-edsr.json", results / "scores" / f"{group}.json")
    for role in ("train", "validation", "skimage_test"):
        path = folder / "data/packed/sr_x4" / f"{role}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(role.encode())


def scale(folder, runs):
    """Measure every command on a study of `runs` runs: {command: (seconds, MB)}."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "SHARPLOSS_OFFLINE": "1",
    }
    copy_repository(folder)
    write_params(folder, runs)
    measured = {name: measure(folder, COMMANDS[name], environment) for name in ("plan", "plan --check")}
    write_results(folder)
    measure(folder, ["python", "pipelines/fetch.py"], environment)
    for name in ("tabulate", "judge", "plot", "report"):
        measured[name] = measure(folder, COMMANDS[name], environment)
    (folder / "data/code/extract.txt").touch()
    for name in ("dvc commit, every stage", "dvc status", "dvc repro, nothing to do"):
        measured[name] = measure(folder, COMMANDS[name], environment)
    said = (folder / ".log").read_text()
    ran = re.findall(r"Running stage '(.*?)'", said)
    assert set(ran) <= {"fetch"}, f"dvc repro had something to do: {ran[:5]}"
    measured["dvc.lock, one stage written"] = write_lock(folder, environment)
    return measured


def write_lock(folder, environment):
    """Commit one stage: what DVC pays in its one lock file after every run of a study."""
    return measure(folder, ["dvc", "commit", "--force", "--quiet", "train@sr_x4-edsr-l1-s0"], environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of runs")
    sizes = parser.parse_args().sizes
    rows = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for name, (seconds, memory) in scale(Path(folder), size).items():
                rows.setdefault(name, []).append(f"{seconds:8.1f} s {memory:6.0f} MB")
                print(f"{size:5d} {name:28s} {rows[name][-1]}", file=sys.stderr, flush=True)
    print(f"{'runs':28s}" + "".join(f"{size:>20d}" for size in sizes))
    for name, cells in rows.items():
        print(f"{name:28s}" + "".join(f"{cell:>20s}" for cell in cells))


if __name__ == "__main__":
    main()
