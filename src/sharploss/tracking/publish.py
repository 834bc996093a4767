"""`python -m sharploss publish`: send finished runs to Weights & Biases, from what lies in results/."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sharploss.config.params import load_params
from sharploss.planning.plan import check_plan, find_run
from sharploss.record.paths import paths
from sharploss.tracking import follower as tracking
from sharploss.tracking.content import NotTrainedError, baseline_content, baselines, content_of
from sharploss.tracking.dashboards import save
from sharploss.utils.command import make_parser
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import intact
from sharploss.utils.optional import optional_package, progress_bar

DESCRIPTION = """Send finished runs to Weights & Biases: curves, scores of every image, crops, weights and the data they
were trained on. All of it comes from results/ and nothing is trained or measured.

  python -m sharploss publish                        every run of runs.yaml that is done, and the input baselines
  python -m sharploss publish sr_x4-edsr-sploss-s0   one of them
  python -m sharploss publish --workspace            panels and a report, made from code, of what was published

Safe to repeat: a run has the same id whenever its configuration is trained, and nothing is sent twice.
Without a login (wandb login), or with WANDB_MODE=offline, files are written that 'wandb sync' sends later.
"""
TABLES = ("scores", "images")
MODES = ("online", "offline", "shared", "dryrun", "run", "disabled")
Content = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Run the command with these arguments and return its exit code: 1 when a run could not be sent."""
    parser = make_parser("publish", DESCRIPTION)
    parser.add_argument("runs", nargs="*", metavar="RUN", help="key of a run in runs.yaml; default: all that are done")
    parser.add_argument("--workspace", action="store_true", help="make workspaces and a report on W&B instead")
    asked = parser.parse_args(arguments)
    check_settings()
    optional_package("wandb")
    params = load_params()
    plan = check_plan(params)
    files, inputs = paths(plan["study"]), baselines(params, plan)
    done = [key for key in plan["runs"] if files.run(key).metrics.is_file()]
    keys = list(dict.fromkeys(asked.runs)) or [*done, *inputs]
    for key in keys:
        if key not in inputs:
            find_run(plan, key)
    if not done and not asked.runs:
        raise UserError("No run of runs.yaml is done: run 'make repro' to train them.")
    if asked.workspace:
        print(save(params, keys))
        return 0
    readers = [(baseline_content, inputs[key]) if key in inputs else (content_of, key) for key in keys]
    return publish((key, partial(read, params, plan, what)) for key, (read, what) in zip(keys, readers, strict=True))


def check_settings() -> None:
    """Refuse (UserError) a mode that W&B does not have, or that cannot be, and names that it does not accept."""
    mode = tracking.mode()
    if mode not in MODES:
        raise unknown("WANDB_MODE", mode, MODES)
    if mode == "disabled":
        raise UserError("WANDB_MODE is disabled, which switches W&B off: unset it to publish.")
    if not tracking.is_offline() and not tracking.logged_in():
        raise UserError(
            f"WANDB_MODE is {mode} but nobody is logged in: run 'wandb login', or set WANDB_MODE=offline to write "
            "files that can be sent later."
        )
    if wrong := tracking.wrong_project():
        raise UserError(wrong)


def publish(runs: Iterable[tuple[str, Any]]) -> int:
    """Send runs (keys, each with a function that reads what there is of it) and print where they are now.

    A run that fails does not stop the others; returns 1 where one failed or none was sent, else 0.
    """
    sent: list[tuple[Content, Path, str]] = []
    failed = 0
    for key, read in progress_bar(list(runs), desc="publish", unit="run", leave=False):
        try:
            content = read()
            sent.append((content, *_send(content)))
        except NotTrainedError as error:
            print(f"{key}: {error}", file=sys.stderr)
        except UserError as error:
            failed += 1
            print(f"error: {key}: {error}", file=sys.stderr)
        except Exception as error:  # W&B raises all sorts: its own errors, ValueError, bare exceptions
            failed += 1
            if isinstance(error, OSError) and error.filename:  # a file's fault, which W&B knows nothing of
                print(f"error: {key}: {error.strerror} ({error.filename}): put that right.", file=sys.stderr)
                continue
            advice = "" if tracking.is_offline() else ": try again later, or with WANDB_MODE=offline"
            print(f"error: W&B refuses {key} ({tracking.one_line(error)}){advice}.", file=sys.stderr)
    if sent:
        print(_where(sent))
    if failed:
        print(f"error: {failed} of {failed + len(sent)} runs were not published.", file=sys.stderr)
    return 0 if sent and not failed else 1


def _where(sent: Sequence[tuple[Content, Path, str]]) -> str:
    trained = [content for content, _, _ in sent if content["summary"].get("result/status") == "finished"]
    lacking = {
        "weights, which are not here": sum(content.get("weights", {}) is None for content, _, _ in sent),
        "scores: 'make repro' measures them": sum(not content["scores"] for content in trained),
    }
    said = ", ".join(f"{count} without {what}" for what, count in lacking.items() if count)
    note = said and f" ({said})"
    count = f"{len(sent)} run{'s' if len(sent) > 1 else ''}"
    _, folder, address = sent[-1]
    if address:
        return f"{count} sent to {address}{note}"
    files = f"{shlex.quote(os.path.relpath(folder.parent))}/offline-run-*"
    return f"{count} written{note}. Once logged in (wandb login), send them with: wandb sync {files}"


def _send(content: Content) -> tuple[Path, str]:
    """Replay one run; return the folder that W&B keeps of it, and its project's address ("" offline)."""
    import wandb

    lines, identity = list(content["lines"]), content["description"]["id"]
    if not tracking.is_offline():
        for part in _unsent(tracking.files_folder(), identity):
            # Sending it afterwards would make every curve double.
            send = f"first run: wandb sync {shlex.quote(str(part))}"
            raise UserError(f"{part} was written offline and not sent: {send}")
    if content["crops"]:
        # A step of its own after the last: what is sent by step is sent once.
        with intact("a crop of it"):
            images = {name: wandb.Image(str(path), caption=name) for name, path in content["crops"].items()}
        lines.append({"event": "test", "step": lines[-1]["step"] + 1 if lines else 0, "crops": images})
    with tracking.replay(lines, content["description"]) as (run, folder, names):
        _finish(run, content)
        names += [*content["summary"], *(table for table in TABLES if content.get(table))]
        address = "" if run.offline else str(run.project_url)
    for part, held in _unsent(folder.parent, identity).items():
        if part != folder and not held:  # the newest says all that it says
            shutil.rmtree(part)
    return folder, address


def _unsent(folder: Path, identity: str) -> dict[Path, int]:
    """Return the folders of a run that were written offline and not sent, with the lines of the record in each."""
    return {
        part: last - first for part, first, last in tracking.run_folders(folder, identity) if tracking.is_unsent(part)
    }


def _finish(run: Any, content: Content) -> None:
    """Send what belongs to no step; W&B keeps the last of a summary, and one version of artifacts that are the same."""
    import wandb

    run.summary.update(content["summary"])
    for name in TABLES:
        if rows := content.get(name):
            wandb.Table.MAX_ROWS = len(rows)  # pyright: ignore[reportAttributeAccessIssue] - not the first 10,000 alone
            columns = list(dict.fromkeys(column for row in rows for column in row))
            run.summary[name] = wandb.Table(
                columns, data=[[_cell(row.get(column)) for column in columns] for row in rows]
            )
    for artifact in content["inputs"]:
        # As `use_artifact` does, but without waiting for the server: that refuses offline, although the files can hold
        # an input.
        run._log_artifact(make_artifact(artifact), is_user_created=True, use_after_commit=True)
    if content.get("weights"):
        run.log_artifact(make_artifact(content["weights"]))


def _cell(value: Any) -> Any:
    """Return what a table holds for a value: the picture, where it is the path of one."""
    import wandb

    return wandb.Image(str(value)) if isinstance(value, Path) else value


def _artifact_name(name: str) -> str:
    """Return a name that W&B takes: characters that it does not, of a file of the user's, are replaced."""
    return tracking.shorten(re.sub(r"[^A-Za-z0-9_.-]", "_", name), tracking.ARTIFACT)


def make_artifact(content: Content) -> Any:
    """Make W&B's artifact of one that `content_of` lists; the same content has the same digest, so the same version."""
    import wandb

    artifact = wandb.Artifact(_artifact_name(content["name"]), type=content["type"], metadata=content["metadata"])
    if "receipt" in content:
        with artifact.new_file("receipt.json") as file:
            file.write(json.dumps(content["receipt"], indent=2, sort_keys=True))
    else:
        artifact.add_file(str(content["file"]), policy="immutable")  # not copied: it is sent from where it is
    return artifact
