"""`python -m sharploss publish`: tells Weights & Biases of runs that are done, from what lies in results/."""

import argparse
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sharploss.config.params import load_params
from sharploss.planning.plan import load_plan
from sharploss.record.paths import paths
from sharploss.tracking import follower as tracking
from sharploss.tracking.content import content_of
from sharploss.utils.errors import UserError, unknown

DESCRIPTION = """Tell Weights & Biases of runs that are done: curves, scores of every image, crops, weights and the data
they were trained on. All of it comes from results/ and nothing is trained or measured.

  python -m sharploss publish                        every run of runs.yaml that is done
  python -m sharploss publish sr_x4-edsr-sploss-s0   one of them
  python -m sharploss publish --workspace            panels and a report for them, made from code

Safe to repeat: a run has the same id whenever its configuration is trained, and what W&B has is not told again.
Without a login (wandb login), or with WANDB_MODE=offline, files are written that 'wandb sync' sends later.
"""
MODES = ("online", "offline", "shared", "dryrun", "run", "disabled")


def main(arguments: list[str]) -> int:
    """Run the command with these arguments; gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sharploss publish",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a key of runs.yaml; all that are done when left out")
    parser.add_argument("--workspace", action="store_true", help="make the workspaces and the report instead")
    asked = parser.parse_args(arguments)
    check_mode()
    params, plan = load_params(), load_plan()
    if asked.workspace:
        from sharploss.tracking.dashboards import save

        print(save(params, plan))
        return 0
    files = paths(plan["study"])
    keys = asked.runs or [key for key in plan["runs"] if files.run(key).metrics.is_file()]
    if not keys:
        raise UserError("No run of runs.yaml is done: run 'make repro' to train them.")
    contents = [content_of(params, plan, key) for key in dict.fromkeys(keys)]
    print(publish(contents))
    return 0


def check_mode() -> None:
    """Refuse what W&B could not do anything with.

    Raises:
        UserError: W&B is switched off, in a mode that it does not have, or to be online without a login.
    """
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


def publish(contents: Sequence[dict[str, Any]]) -> str:
    """Tell W&B of runs, as `content_of` gives them, and say where they are now and what to do next.

    Raises:
        UserError: W&B's server cannot be reached or refuses; files that it should have first were not sent.
    """
    from tqdm import tqdm
    from wandb.errors import Error

    places: list[str] = []
    for content in tqdm(contents, desc="publish", unit="run", disable=None, leave=False):
        name, identity = content["description"]["name"], content["description"]["id"]
        try:
            folder = _publish_one(content, places)
        except Error as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"W&B refuses {name} ({reason}): try again later, or with WANDB_MODE=offline.") from None
        _drop_empty(folder, identity)
    without = sum(content["weights"] is None for content in contents)
    told = f"{len(contents)} {'run' if len(contents) == 1 else 'runs'}"
    note = f" ({without} without weights, which are not here)" if without else ""
    if places[-1]:
        return f"{told} sent to {places[-1]}{note}"
    files = Path(os.path.relpath(folder.parent)) / "offline-run-*"  # pyright: ignore[reportPossiblyUnboundVariable]
    return f"{told} written to {files}{note}: once logged in (wandb login), 'wandb sync {files}' sends them"


def _publish_one(content: dict[str, Any], places: list[str]) -> Path:
    """Replay one run and give the folder that W&B keeps of it; its project's address, "" offline, goes to `places`."""
    import wandb

    def finish(run: Any) -> None:
        _finish(run, content)
        places.append("" if run.offline else run.project_url)

    lines = list(content["lines"])
    if not tracking.is_offline():
        _check_sent(tracking.files_folder(), content["description"]["id"])
    if content["crops"]:
        # A step of its own after the last: what is told by step is told once.
        images = {name: wandb.Image(str(path), caption=name) for name, path in content["crops"].items()}
        lines.append({"event": "test", "step": lines[-1]["step"] + 1, "crops": images})
    return tracking.replay(lines, content["description"], finish=finish)


def _check_sent(folder: Path, identity: str) -> None:
    """Refuse to send what lies in files that were not: sending those afterwards would make every curve double."""
    for part, _, _ in tracking.parts(folder, identity):
        if part.name.startswith("offline-") and not _is_sent(part):
            raise UserError(f"{part} was written offline and holds a part of this run: run 'wandb sync {part}' first.")


def _is_sent(part: Path) -> bool:
    return any(part.glob("*.wandb.synced"))


def _drop_empty(folder: Path, identity: str) -> None:
    """Remove earlier offline files that hold no line of the record and were not sent: the newest say all of it."""
    for part, first, last in tracking.parts(folder.parent, identity):
        if part != folder and part.name.startswith("offline-") and first == last and not _is_sent(part):
            shutil.rmtree(part)


def _finish(run: Any, content: dict[str, Any]) -> None:
    """Tell what belongs to no step; W&B keeps the last of a summary, and one version of artifacts that are the same."""
    import wandb

    run.summary.update(content["summary"])
    scores = content["scores"]
    if scores:
        columns = list(dict.fromkeys(name for row in scores for name in row))
        run.summary["scores"] = wandb.Table(
            columns=columns, data=[[row.get(name) for name in columns] for row in scores]
        )
    for artifact in content["inputs"]:
        _use(run, make_artifact(artifact))
    if content["weights"]:
        run.log_artifact(make_artifact(content["weights"]))


def make_artifact(content: dict[str, Any]) -> Any:
    """Make W&B's artifact of what `content_of` says of one; the same content gives the same version."""
    import wandb

    artifact = wandb.Artifact(content["name"], type=content["type"], metadata=content["metadata"])
    if "receipt" in content:
        with artifact.new_file("receipt.json") as file:
            file.write(json.dumps(content["receipt"], indent=2, sort_keys=True))
    else:
        artifact.add_file(str(content["file"]), policy="immutable")  # not copied: it is sent from where it is
    return artifact


def _use(run: Any, artifact: Any) -> None:
    """Declare an input of a run.

    As `use_artifact` does for one that is not there yet, but without waiting for the server: that refuses offline,
    although the files can hold it.
    """
    run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
