"""What a launch measures beside its trainings, by one process that does one piece after another: the evaluator."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sharploss.launch.engines import Worker
from sharploss.record.paths import launch_log

BATCH = 8
"""Runs of a group that are measured together at most: what is of the images alone is then computed once for all, and
what was measured is kept when they all are."""

LOG = launch_log("evaluator")


@dataclass
class Measurements:
    """Measures runs as soon as they are trained, and writes the scores of a group when all of it is measured.

    `due` are groups whose scores are out of date, by name with their runs, `untrained` the runs that are still to be
    trained, `pieces` what needs no training: stages with a task, or "". What an evaluator was at when it died is tried
    once more, each run alone.
    """

    due: dict[str, list[str]]
    untrained: set[str]
    pieces: list[tuple[str, str]]
    say: Callable[[str], None]
    start: Callable[[], Worker]
    most: int = 1  # cores that it has beside trainings
    ready: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    alone: set[str] = field(default_factory=set[str])
    failed: set[str] = field(default_factory=set[str])
    measured: set[str] = field(default_factory=set[str])
    partial: set[str] = field(default_factory=set[str])  # groups of which some runs' scores are written
    done: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list[tuple[str, str, Mapping[str, Any]]])
    read: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    asked: dict[str, Any] | None = None
    worker: Worker | None = None

    def __post_init__(self) -> None:
        """Begin with the runs that were trained before."""
        self.ready = {group: [key for key in keys if key not in self.untrained] for group, keys in self.due.items()}

    def trained(self, key: str) -> None:
        """Queue a run for measuring that has just been trained."""
        self.untrained.discard(key)
        for group in (name for name, keys in self.due.items() if key in keys):
            self.ready[group].append(key)

    def poll(self, *, last: bool, most: int | None = None) -> bool:
        """Go on; return whether something is left. `last`: no training goes on, and all cores, `most`, are free."""
        if self.worker is not None and self.asked is not None and (said := self.worker.answer()) is not None:
            asked, self.asked = self.asked, None
            if said["code"]:
                self.worker.end()
                self.worker = None
            self._take(asked, said)
        if self.asked is None and (piece := self._next()):
            self.worker = self.worker or self.start()
            self.asked = {**piece, "most": most if last and most else self.most}
            self.worker.send(json.dumps(self.asked))
        return self.asked is not None

    def publish(self) -> None:
        """Measure nothing more, and write the scores of what is measured of the groups that are not complete."""
        self.pieces = [("evaluate", group) for group in self.due]
        self.ready = {group: [] for group in self.due}
        self.partial |= self.due.keys()

    def stop(self) -> None:
        """End the evaluator; what it has measured is kept."""
        if self.worker is not None:
            if self.asked is not None:
                self.worker.stop()
            self.worker.end()
            self.worker = self.asked = None

    def _next(self) -> dict[str, Any] | None:
        for group, keys in self.due.items():
            if group not in self.partial and not (
                self.ready[group] or self.untrained.intersection(keys) or self.failed.intersection(keys)
            ):
                del self.due[group]
                return {"stage": "evaluate", "name": group, "runs": [*keys]}
        group = max(self.ready, key=lambda name: len(self.ready[name]), default="")
        if group and self.ready[group]:
            keys = self.ready[group]
            count = 1 if keys[0] in self.alone else BATCH
            self.ready[group] = keys[count:]
            return {"stage": "measure", "name": group, "runs": keys[:count]}
        while self.pieces:
            stage, name = self.pieces.pop(0)
            runs = [key for key in self.due.get(name, []) if key in self.measured]
            if runs or stage != "evaluate":
                return {"stage": stage, "name": name, "runs": runs}
        return None

    def _take(self, asked: dict[str, Any], said: dict[str, Any]) -> None:
        stage, name, runs = asked["stage"], asked["name"], asked.get("runs", [])
        if stage == "measure":
            if said["code"] and len(runs) > 1:
                self.alone.update(runs)
                self.ready[name] = [*runs, *self.ready[name]]
                return
            lost = set(runs if said["code"] else said["failed"])
            self.failed |= lost
            self.measured.update(set(runs) - lost)
            for key in sorted(lost):
                self.say(f"{key}: not measured: see {LOG}")
            count = len(self.measured.intersection(self.due[name]))
            self.say(f"{name}: {count} of {len(self.due[name])} runs measured")
            return
        group = name if stage == "evaluate" else ""
        if said["code"]:
            self.failed.add(group or stage)
            self.say(f"{name or stage}: not measured: see {LOG}")
            return
        began = self.read.setdefault(group or stage, said["read"])  # before the first piece
        if group in self.partial:
            self.say(f"{group}: scores of {len(runs)} of {len(self.due[group])} runs are written")
        elif not (self.failed & {group, stage} or any(other == stage for other, _ in self.pieces)):
            self.done.append((stage, group, began))
            self.say(f"{group or stage}: measured")
