"""What planning, checking and reporting cost with 100, 300 and 1000 runs; results are copies of one real run.

Each command runs in a process of its own: its time, and the most memory that it or a child of it held at once. The
table is Markdown, for docs/scale.md; on a quiet machine with two cores all of it takes less than ten minutes.
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from sharploss.planning.plan import load_plan
from sharploss.record.paths import paths
from sharploss.record.scores import load_scores, save_scores

ROOT = Path(__file__).parents[1]
SIZES = (100, 300, 1000)
NETWORKS = {"espcn": {"network": "espcn", "width": 8}, "edsr": {"network": "edsr", "blocks": 1, "width": 8}}
MODEL, GROUP = "sr_x4-espcn-l1-s0", "sr_x4-espcn"
SEEDS = [0, 1, 2, 3, 4]
PLANNING = {"plan": ["python", "pipelines/plan.py"], "plan --check": ["python", "pipelines/plan.py", "--check"]}
REPORTING = {name: ["python", "-P", f"pipelines/{name}.py"] for name in ("tables", "claims", "figures", "report")}
DVC = {"dvc status": ["dvc", "status"], "dvc repro, nothing to do": ["dvc", "repro"]}
MORE = 3  # stages committed beside the first, to tell what one more costs


def measure(folder, command, environment):
    """Run a command, which has to succeed; return seconds and peak memory in MB."""
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
    """Write a study of `runs` runs: two networks, five seeds, and as many penalties of SPLoss as it takes."""
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
    """Write for every run the results of one real run, a little changed, in the layout that the stages leave."""
    plan = load_plan(folder / "runs.yaml")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    made, real = paths("mini", folder), paths("mini", ROOT)
    shutil.copytree(real.input_baseline("sr_x4"), made.input_baseline("sr_x4"))
    shutil.copy(real.calibration, made.calibration)
    measured = load_scores(real.scores(GROUP))
    rows, scores = [row for row in measured.rows if row.run == MODEL], {group: [] for group in plan["groups"]}
    provenance = json.loads(real.run(MODEL).provenance.read_text())
    for index, (key, run) in enumerate(plan["runs"].items()):
        shutil.copytree(real.run(MODEL).metrics.parent, made.run(key).metrics.parent)
        provenance["config"] |= {"loss": params["losses"][run["loss"]], "seed": run["seed"]}
        made.run(key).provenance.write_text(json.dumps(provenance))
        weights = made.weights(run["group"], key)
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.write_bytes(key.encode() * 1000)
        scores[run["group"]] += [row._replace(run=key, value=row.value + 1e-3 * (index % 97)) for row in rows]
        made.crops(run["group"]).mkdir(parents=True, exist_ok=True)
        for name in params["crops"]:
            shutil.copy(real.crop(GROUP, name, "l1"), made.crop(run["group"], name, run["loss"]))
    for group, its in scores.items():
        save_scores(made.scores(group), its, measured.notes)


def write_lock(folder):
    """Write dvc.lock as if every stage had run, once: DVC itself would write it once for each stage.

    What stages read or write and is not there, such as packed data, is made up: nothing that is measured reads it.
    """
    from dvc.repo import Repo
    from dvc.stage.serialize import to_single_stage_lockfile

    with Repo(str(folder)) as repo:
        stages = list(repo.index.stages)
        for path in sorted(Path(item.fs_path) for stage in stages for item in (*stage.deps, *stage.outs)):
            if not path.exists():
                (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
                (path if path.suffix else path / "made_up").write_text(path.name)
        with repo.lock:
            for stage in stages:
                stage.save(run_cache=False)
                stage.commit()
        content = {stage.name: to_single_stage_lockfile(stage) for stage in stages}
    content = json.loads(json.dumps({"schema": "2.0", "stages": content}))
    (folder / "dvc.lock").write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))
    return [name for name in content["stages"] if name.startswith("train@")]


def scale(folder, runs):
    """Measure every command on a study of `runs` runs: {command: (seconds, MB)}."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "SHARPLOSS_OFFLINE": "1",
        "DVC_NO_ANALYTICS": "1",
    }
    copy_repository(folder)
    write_params(folder, runs)
    measured = {name: measure(folder, command, environment) for name, command in PLANNING.items()}
    write_results(folder)
    measure(folder, ["python", "pipelines/fetch.py"], environment)
    measured |= {name: measure(folder, command, environment) for name, command in REPORTING.items()}
    trained = write_lock(folder)
    measured |= {name: measure(folder, command, environment) for name, command in DVC.items()}
    ran = re.findall(r"Running stage '(.*?)'", (folder / ".log").read_text())
    assert set(ran) <= {"fetch@mini"}, f"dvc repro had something to do: {ran[:5]}"
    commit = ["dvc", "commit", "--force", "--quiet"]
    one, memory = measure(folder, [*commit, trained[0]], environment)
    more, _ = measure(folder, [*commit, *trained[: 1 + MORE]], environment)
    return measured | {
        "dvc commit of one run": (one, memory),
        "dvc.lock written once more": ((more - one) / MORE, memory),
    }


def growth(sizes, seconds):
    """Return the power of the run count that time grows with between the two largest studies, start-up included."""
    if len(sizes) < 2 or min(seconds[-2:]) <= 0:
        return ""
    return f"n^{math.log(seconds[-1] / seconds[-2]) / math.log(sizes[-1] / sizes[-2]):.1f}"


def table(sizes, rows):
    """Return a Markdown table of {command: [(seconds, MB) for each size]}."""
    heads = [*(f"{size} runs" for size in sizes), f"memory at {sizes[-1]}", "growth"]
    lines = [f"| command | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name, cells in rows.items():
        seconds = [cell[0] for cell in cells]
        shown = [*(f"{value:.2g} s" if value < 10 else f"{value:.0f} s" for value in seconds)]
        shown += [f"{cells[-1][1]:.0f} MB", growth(sizes, seconds)]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of runs, multiples of 10")
    sizes = sorted(parser.parse_args().sizes)
    rows, locks = {}, []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for name, cell in scale(Path(folder), size).items():
                rows.setdefault(name, []).append(cell)
                print(f"{size:5d} {name:28s} {cell[0]:8.1f} s {cell[1]:6.0f} MB", file=sys.stderr, flush=True)
            locks.append((Path(folder) / "dvc.lock").stat().st_size / 1e6)
    print(table(sizes, rows))
    *_, (each, _) = rows["dvc.lock written once more"]
    print(f"\ndvc.lock: {', '.join(f'{size:.2f} MB' for size in locks)}.")
    # It grows from nothing, so that the mean stage pays half of what the last one pays.
    minutes = sizes[-1] * each / 2 / 60
    print(f"Written after every one of {sizes[-1]} runs, it costs {minutes:.1f} minutes in all, in one file;")
    print(f"in one file for each of k networks a k-th of that, for 4 networks {minutes / 4:.1f} (docs/scale.md).")


if __name__ == "__main__":
    main()
