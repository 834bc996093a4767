"""`python -m sharploss add NAME LOSS`: train a loss of one's own as the benchmark's were, and compare it with those."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import yaml

from sharploss.analysis.compare import compare
from sharploss.analysis.figures.overview import tradeoffs
from sharploss.analysis.load import comparable_scores, load_study
from sharploss.analysis.plotting.style import save, style
from sharploss.analysis.report.headline import answers
from sharploss.analysis.stats.intervals import TRAINED
from sharploss.analysis.study import Study
from sharploss.analysis.tables.tables import write_tables
from sharploss.config.loss_spec import LossSpec, parse_loss
from sharploss.config.params import Params
from sharploss.launch import command
from sharploss.planning.check_runs import check_study
from sharploss.planning.plan import expand
from sharploss.record.paths import paths
from sharploss.record.study import study_file
from sharploss.training.device import choose_device
from sharploss.utils.command import make_parser
from sharploss.utils.errors import UserError, cut
from sharploss.utils.files import write_text
from sharploss.utils.models import validated

BENCHMARK, BASE, SUITE = "benchmark", "l1", "added"
DESCRIPTION = """Train a loss of your own on the data, network, budget and seeds that the benchmark's answer rests on,
and compare it with the benchmark's losses.

  python -m sharploss add mine '{l1: 1, gv: 0.05}' --plan    write studies/mine.yaml, and predict the hours
  python -m sharploss add mine '{l1: 1, gv: 0.05}'           train it on this machine's GPU, then compare

LOSS is a weighted sum of terms, as in params.yaml: a term's value is its weight, or its parameters, as in
{sploss: {alpha: 3}}. A new term is a class in src/sharploss/losses and a line in TERMS (docs/extending.md). L1 is
trained too, which shows whether this machine reproduces the benchmark's. The loss's study becomes the current one:
'make plan STUDY=mini' switches back.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = make_parser("add", DESCRIPTION)
    parser.add_argument("name", metavar="NAME", help="name of the loss and of its study: a-z, 0-9 and _")
    parser.add_argument("loss", metavar="LOSS", help="a weighted sum of terms, such as '{l1: 1, gv: 0.05}'")
    parser.add_argument("--plan", action="store_true", help="write the study and predict its hours, but train nothing")
    asked = parser.parse_args(arguments)
    bench = load_study(BENCHMARK, partial=True)
    params = study_of(asked.name, read_loss(asked.loss), bench)
    runs, path = expand(params)["runs"], study_file(asked.name)
    text = yaml.safe_dump(params.model_dump(mode="json", exclude_unset=True), sort_keys=False)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise UserError(f"{path} exists and holds another study: choose another name, or delete it.")
    write_text(path, text)
    code = subprocess.run([sys.executable, "-P", "pipelines/plan.py", asked.name], check=False).returncode
    if code:
        return code
    if not all(paths(asked.name).run(key).metrics.is_file() for key in runs):
        print(f"{path}: {len(runs)} trainings, with the hours above")
        if asked.plan or choose_device().type == "cpu":
            print("Nothing is trained now: run 'python -m sharploss launch' (no GPU needed), then this command again.")
            return 0
        code = command.main([])
    return code or compare_with_benchmark(bench, load_study(asked.name), asked.name)


def read_loss(text: str) -> LossSpec:
    """Read a loss from the command line; UserError where it is none."""
    try:
        content = yaml.safe_load(text)
    except Exception as error:  # beside YAMLError, what int() and datetime raise
        raise UserError(f"'{text}' is no loss ({' '.join(str(error).split())}): write it as '{{l1: 1}}'.") from None
    return parse_loss(content)


def study_of(name: str, loss: LossSpec, bench: Study) -> Params:
    """Return the study that trains a loss, and L1, as what the benchmark's answer rests on was trained."""
    params, answer = bench.params, next(iter(answers(bench)), None)
    if answer is None:
        raise UserError(f"{bench.paths.results} has too few runs for an answer: restore it from git.")
    if name in params.losses:
        raise UserError(f"'{name}' is a loss of the study {BENCHMARK}: choose another name.")
    where = {"task": answer.task, "network": answer.network, "recipe": answer.recipe, "loss": BASE}
    seeds = bench.runs.merge(pd.DataFrame([where]))["seed"]
    suite = {
        "question": f"Where does {name} stand beside the losses of {BENCHMARK}?",
        "tasks": [answer.task],
        "networks": [answer.network],
        "losses": [BASE, name],
        "recipe": answer.recipe,
    }
    content = {
        "study": name,
        "seeds": sorted(map(int, seeds)),
        "tasks": {answer.task: params.tasks[answer.task]},
        "networks": {answer.network: params.networks[answer.network]},
        "losses": {BASE: params.losses[BASE], name: loss},
        "extractors": {},
        "recipes": {answer.recipe: params.recipes[answer.recipe]},
        "suites": {SUITE: suite},
    }
    found = validated(content, Params, f"'{cut(name)}' cannot name a loss and a study")
    check_study(found, expand(found)["runs"].values())
    return found


def compare_with_benchmark(bench: Study, own: Study, name: str) -> int:
    """Print how a loss compares with the benchmark's, and write the tables and the trade-off that both are in."""
    for reason in own.runs.loc[(own.runs["loss"] == name) & (own.runs["failure"] != ""), "failure"]:
        print(f"{name} {reason}")
    means, _ = compare(own.paths, bench.paths)
    off = means[means["off"] > means["smallest"]]
    print(f"{BASE} trained here: {len(off)} of {len(means)} means differ from the benchmark's by an effect that counts")
    same, mine = own.runs[TRAINED].drop_duplicates(), own.runs[own.runs["loss"] == name]
    beside = bench.runs.merge(same, on=TRAINED)
    runs = pd.concat([beside, mine], ignore_index=True)
    losses, added = {**bench.params.losses, name: own.params.losses[name]}, own.params.suites[SUITE]
    files = own.paths.beside(bench.paths)
    old, new = bench.every_score, own.every_score
    inputs = (old["network"] == "") & old["task"].isin(same["task"])
    every = pd.concat([old[old["run"].isin(beside["run"]) | inputs], new[new["loss"] == name]], ignore_index=True)
    both = replace(
        bench,
        params=bench.params.model_copy(update={"losses": losses, "suites": {SUITE: added}}),
        paths=files,
        runs=runs.assign(suites=pd.Series([[SUITE]] * len(runs))),
        scores=comparable_scores(every),
        every_score=every,
    )
    write_tables(both)
    with style():
        for one in tradeoffs(both):
            if one.figure is not None:
                save(one.figure, files.reports, one.name)
    for answer in answers(both):
        mine = f"{both.titles[name]} "
        print(*(f"{answer.scope} {line}" for line in answer.losses if line.startswith(mine)), sep="\n")
    print(f"{files.reports}: tables and trade-off with {name}")
    return 0
