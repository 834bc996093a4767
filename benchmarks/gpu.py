"""How far a GPU is used: every network's step in every form, the loop around it, kill and resume, workers, evaluation.

    python benchmarks/gpu.py [--networks edsr espcn ...] [--out results/hardware]

Prints a table and writes <out>/<device>.json. Networks, batches and patches are the benchmark study's, trained with L1
on random images. "of bare" is the speed of `train` over that of bare replays of the very graph that it made; "of peak"
is a share of a bfloat16 matrix product's speed on the same card; "off" is the largest difference of a weight from the
eager form's after 100 steps. `--rehearse` runs all of it on a CPU with tiny sizes, graphs played by plain calls; the
numbers then mean nothing. Without a GPU it says so and does nothing else.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load_file, save_file

from networks import as_config, of_study, step_flops
from sharploss.config.run_config import RunConfig
from sharploss.data.pack import open_pack, write_pack
from sharploss.evaluation.group import measure_runs
from sharploss.evaluation.score import defined
from sharploss.record.keys import pack_name
from sharploss.record.paths import paths
from sharploss.training import step as steps
from sharploss.training.checkpoint import save_weights
from sharploss.training.device import choose_device, describe_commit, describe_hardware
from sharploss.training.loop import train
from sharploss.utils.command import run_main
from sharploss.utils.files import write_json

SPAN, WARM, COMPARED, KILLED_AT = 800, 100, 100, 57
FORMS = {"fast": ("eager", "compiled", "captured"), "exact": ("eager", "captured")}
RESUMED = {"l1": {"l1": 1}, "ragan": {"l1": 1, "ragan": {"weight": 0.005, "discriminator": "srgan", "width": 16}}}


def make_packs(folder, scale, side, count):
    """Write packs of random smooth images to train, validate and test on; return {role: Pack}."""
    generator = torch.Generator().manual_seed(0)
    for role, number in (("train", 16), ("validation", 1), ("test", count)):
        pairs = []
        for index in range(number):
            coarse = torch.rand(1, 3, side // 8, side // 6, generator=generator)
            size = (side // scale * scale, side * 3 // 2 // scale * scale)
            target = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1).mul(255).byte()[0]
            pairs.append((f"random/{index}", target, target[:, ::scale, ::scale].contiguous()))
        write_pack(folder / f"{role}.safetensors", pairs, role=role, sets=["random"], parameters={}, missing={})


def configuration(entry, loss, mode, count):
    network, scale, batch, patch = entry
    task = {"kind": "sr", "scale": scale} if scale > 1 else {"kind": "denoise", "sigma": 25}
    sets = {role: ["random"] for role in ("train", "validation", "test")}
    recipe = {"steps": count, "batch": batch, "patch": patch, "learning_rate": 1e-4, "mode": mode}
    recipe |= {"log_every": 50, "validate_every": count, "checkpoint_every": max(1, KILLED_AT // 3)}
    if "ragan" in loss:
        loss = {**loss, "ragan": {**loss["ragan"], "size": scale * patch}}
    return RunConfig.model_validate(
        {"task": {**task, **sets}, "network": network, "loss": loss, "recipe": recipe, "seed": 0}
    )


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def measured_training(  # noqa: C901 - what is noted lies around one training
    config, folder, scratch, form, *, kill_at=None, start_at=None
):
    """Train; return what was measured and the weights. `start_at`: when to begin the timed steps, on the wall clock."""
    device, marks, call, kept = choose_device(), {}, steps.Step.__call__, []
    last = config.recipe.steps - 1
    warm = min(WARM, last // 2)

    def noted(step, index):
        call(step, index)
        if index == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if not kept:
            synchronize(device)
            marks["first"] = time.perf_counter()
            kept.append(step)
        if index in (warm, last):
            synchronize(device)
            if index == warm and start_at:
                time.sleep(max(0.0, start_at - time.time()))
            marks[index] = time.perf_counter()

    steps.Step.__call__ = noted
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    packs, began = (
        {role: open_pack(folder / f"{role}.safetensors") for role in ("train", "validation")},
        time.perf_counter(),
    )
    try:
        result = train(config, packs, scratch=scratch, device=device, form=form)
    finally:
        steps.Step.__call__ = call
    # Bare replays train further.
    weights = {
        name: value.detach().to("cpu", copy=True).contiguous() for name, value in result.network.state_dict().items()
    }
    found = {"form": result.form, "reason": result.form_reason, "replays": result.state.replays}
    found["seconds_to_first_step"] = marks["first"] - began
    found["steps_per_second"] = (last - warm) / (marks[last] - marks[warm]) if warm in marks else None
    if device.type == "cuda":
        found["peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
    if kept[0].graph is not None:
        synchronize(device)
        began = time.perf_counter()
        for _ in range(last - warm):
            kept[0].graph.replay()
        synchronize(device)
        found["bare_steps_per_second"] = (last - warm) / (time.perf_counter() - began)
    return found, weights


def one_network(entry, folder, span):
    """Measure all forms of a network's step: speed, memory, and how far they are apart."""
    found = {"gflop": step_flops(as_config(entry)) / 1e9, "forms": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for mode, forms in FORMS.items():
            weights = {}
            for form in forms:
                make = partial(configuration, entry, {"l1": 1}, mode)
                try:
                    short = measured_training(make(COMPARED), folder, Path(scratch) / f"{mode}-{form}-short", form)[1]
                    weights[form] = torch.cat([value.flatten().float() for value in short.values()])
                    count = span if form == "captured" else span // 4  # the others are slow
                    timed = measured_training(make(count), folder, Path(scratch) / f"{mode}-{form}", form)[0]
                    timed["difference"] = float((weights[form] - weights["eager"]).abs().max())
                except Exception as error:  # one form's fault is a line of the table
                    timed = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
                found["forms"][f"{mode} {form}"] = timed
                print(mode, form, json.dumps(timed), file=sys.stderr, flush=True)
    return found


def part_of_training(  # noqa: PLR0917 - as they travel to the process
    entry, folder, loss, scratch, kill_at, start_at, span
):
    """Run a captured training for `in_a_process`: killed, resumed, or beside others."""
    config = configuration(entry, loss, "fast", span)
    found, weights = measured_training(config, folder, Path(scratch), "captured", kill_at=kill_at, start_at=start_at)
    save_file(weights, f"{scratch}.weights")
    return found


def evaluate(entry, folder):
    """Return seconds to restore and measure test images with one network once warm, and how far a CPU's scores are."""
    from sharploss.training.state import make_network, with_defaults

    config, files = configuration(entry, {"l1": 1}, "exact", 1), paths("random", folder)
    files.packs("task").mkdir(parents=True)
    shutil.copy(folder / "test.safetensors", files.pack("task", pack_name("test", "random")))
    about = {"key": "run", "status": "finished", "config": with_defaults(config).model_dump_json()}
    save_weights(files.weights("group", "run"), make_network(config), about)
    ours = choose_device().type
    scores, seconds = {}, []
    for device in (ours, ours, "cpu"):
        os.environ["SHARPLOSS_DEVICE"] = device
        began = time.perf_counter()
        found, tested = measure_runs("group", "task", {"run": config}, {}, files)
        seconds.append(time.perf_counter() - began)
        rows, notes = defined(found["run"].scores)
        scores[device] = {(row.image, row.metric, row.protocol): row.value for row in rows}
    apart = {}
    for name, value in scores[ours].items():
        apart[name[1]] = max(apart.get(name[1], 0.0), abs(value - scores["cpu"][name]))
    images = sum(map(len, tested.packs))
    return {"images": images, "seconds": seconds[1], "off_the_cpu": apart, "not_measured": notes.not_measured}


def matrix_speed(device, side):
    """Return operations per second of a matrix product in bfloat16."""
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    for count in (3, 20):
        synchronize(device)
        began = time.perf_counter()
        for _ in range(count):
            one @ one
        synchronize(device)
    return 2 * side**3 * 20 / (time.perf_counter() - began)


def in_a_process(name, *arguments, rehearse):
    """Start this script for one measurement; `answer` waits for its result."""
    command = [sys.executable, __file__, "--one", json.dumps([name, *arguments]), *(["--rehearse"] if rehearse else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answer(process):
    text = process.communicate()[0]
    return (
        json.loads(text.splitlines()[-1]) if process.returncode == 0 else {"error": f"exit code {process.returncode}"}
    )


def kill_and_resume(entry, folder, ask):
    """Return whether a captured training that was killed and resumed by another process has the bits of a whole one."""
    found = {}
    for name, loss in RESUMED.items():
        whole, parts = str(folder / f"whole-{name}"), str(folder / f"parts-{name}")
        first = answer(ask("part_of_training", entry, str(folder), loss, whole, None, None, COMPARED))
        killed = ask("part_of_training", entry, str(folder), loss, parts, KILLED_AT, None, COMPARED)
        killed.communicate()
        second = answer(ask("part_of_training", entry, str(folder), loss, parts, None, None, COMPARED))
        found[name] = {"killed": killed.returncode, "replays": [first.get("replays"), second.get("replays")]}
        if "error" in first or "error" in second:
            found[name] |= {"error": [first.get("error"), second.get("error")]}
            continue
        one, other = load_file(f"{whole}.weights"), load_file(f"{parts}.weights")
        found[name]["same_bits"] = all(torch.equal(one[key], other[key]) for key in one)
    return found


def beside_each_other(entry, folder, ask, *, counts, span, wait):
    """Return steps per second of so many processes that train at once, together."""
    found = {}
    for count in counts:
        begin = time.time() + wait
        asked = [
            ask("part_of_training", entry, str(folder), {"l1": 1}, str(folder / f"{count}-{index}"), None, begin, span)
            for index in range(count)
        ]
        answers = [answer(process) for process in asked]
        found[count] = sum(one.get("steps_per_second") or 0 for one in answers)
    return found


def pretend():
    """Play CUDA graphs on a CPU: a replay is a call."""
    os.environ["SHARPLOSS_DEVICE"] = "cpu"
    steps.side_stream = nullcontext
    steps.capture = lambda function, _: SimpleNamespace(replay=function)
    torch.compile = lambda network: network


TINY = {
    "edsr": ({"network": "edsr", "blocks": 1, "width": 8, "res_scale": 1.0}, 2, 2, 8),
    "nlsn": ({"network": "nlsn", "blocks": 1, "width": 8, "chunk": 8, "hashes": 2}, 2, 2, 8),
}


def table(found, peak):
    print(f"{'network':<12}{'form':<16}{'steps/s':>9}{'of bare':>9}{'of peak':>9}{'MiB':>8}{'first s':>9}{'off':>10}")
    for name, network in found.items():
        for form, one in network.get("forms", {}).items():
            if "error" in one:
                print(f"{name:<12}{form:<16}  {one['error']}")
                continue
            speed, bare = one["steps_per_second"], one.get("bare_steps_per_second")
            ratio = f"{speed / bare:.3f}" if bare else "-"
            share = f"{network['gflop'] * 1e9 * speed / peak:.1%}"
            rest = f"{one.get('peak_mib', 0):>8.0f}{one['seconds_to_first_step']:>9.1f}{one['difference']:>10.2g}"
            print(f"{name:<12}{form:<16}{speed:>9.1f}{ratio:>9}{share:>9}{rest}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", help="of the benchmark study; all when left out")
    parser.add_argument("--out", default="results/hardware", help="folder of the JSON file")
    parser.add_argument("--rehearse", action="store_true", help="on a CPU, tiny, to see that it runs")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rehearse:
        pretend()
    elif not torch.cuda.is_available():
        print("There is no GPU here: nothing was measured (--rehearse runs it on a CPU, with tiny sizes).")
        return
    if asked.one:
        name, entry, folder, *arguments = json.loads(asked.one)
        print(json.dumps(globals()[name](entry, Path(folder), *arguments)))
        return
    device, tiny = choose_device(), asked.rehearse
    entries = TINY if tiny else of_study("studies/benchmark.yaml")
    entries = {name: entry for name, entry in entries.items() if not asked.networks or name in asked.networks}
    ask, span = partial(in_a_process, rehearse=tiny), COMPARED if tiny else SPAN
    found = {
        "device": describe_hardware(device),
        "torch": torch.__version__,
        "commit": describe_commit(),
        "rehearsed": tiny,
    }
    found["matrix_product"] = peak = matrix_speed(device, 256 if tiny else 8192)
    found["networks"] = {}
    path = Path(asked.out) / f"{found['device'].replace(' ', '-').replace(',', '')}.json"
    with tempfile.TemporaryDirectory() as temporary:
        folders = {scale: Path(temporary) / str(scale) for scale in {entry[1] for entry in entries.values()}}
        for scale, folder in folders.items():
            folder.mkdir()
            make_packs(folder, scale, 48 if tiny else 320, 1 if tiny else 119)
        for name, entry in entries.items():
            found["networks"][name] = answer(ask("one_network", entry, str(folders[entry[1]]), span))
            write_json(path, found)  # what is measured is kept, whatever comes
        table(found["networks"], peak)
        first = next(entries[name] for name in ("edsr", *entries) if name in entries)
        folder = folders[first[1]]
        found["kill_and_resume"] = kill_and_resume(first, folder, ask)
        counts, wait = ((1, 2), 10) if tiny else ((1, 2, 4), 90)
        found["together"] = beside_each_other(first, folder, ask, counts=counts, span=4 * span, wait=wait)
        found["evaluation"] = answer(ask("evaluate", first, str(folder)))
        write_json(path, found)
    for part in ("kill_and_resume", "together", "evaluation"):
        print(f"{part}: {json.dumps(found[part])}")
    print(f"written: {path}")


if __name__ == "__main__":
    run_main(main)
