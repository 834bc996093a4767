"""What happens while training: curves, terms, discriminators, and the lead over the baseline step by step."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, cast

from sharploss.analysis.figures.study_figure import UNCROPPED, StudyFigure, crowded, labelled, not_drawn, without_sweeps
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.stats.gains import gains
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import ROW, curves, pairing_rows, shown_suites

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ADVERSARIAL = {
    "mean logit": {"real": "real; the discriminator", "fake": "restored; the network"},
    "discriminator's loss": {"discriminator_loss": "real; the discriminator"},
    "gradient norm": {"discriminator_gradient": "real; the discriminator", "gradient": "restored; the network"},
}
"""Panels of an adversarial training, and the columns whose lines each has: column -> dash pattern."""


def training(study: Study) -> Iterator[StudyFigure]:
    """Draw validation and terms of each task's largest suite of at least five losses."""
    runs = study.runs[["run", "task"]]
    for task in dict.fromkeys(study.runs["task"]):
        rows = _largest(study, str(task))
        if rows is None:
            continue
        chosen, terms = curves(study).merge(runs).merge(rows), term_lines(study).merge(rows)
        if chosen.empty or terms.empty:
            yield not_drawn(f"training_{task}", "training", f"Training ({task}).", "Nothing was trained.")
            continue
        chosen = labelled(study, chosen).rename(
            columns={"network": "panel", "loss": "line", "step": "x", "psnr_y": "y"}
        )
        terms = labelled(study, terms).rename(
            columns={"term": "panel", "loss": "line", "network": "dash", "step": "x", "value": "y"}
        )
        yield StudyFigure(
            f"training_{task}",
            "training",
            lines_figure(chosen, "step", "validation PSNR Y (dB)", columns=2),
            f"Validation PSNR while training ({task}): equal steps, equal batches, only the loss differs. "
            "A line that ends early diverged.",
            "Line plots of validation PSNR against the training step, one line per loss, one panel per network.",
        )
        yield StudyFigure(
            f"terms_{task}",
            "training",
            lines_figure(terms, "step", log_y=set(terms["panel"])),
            f"Every term of every loss while training ({task}; unweighted, log scale); dash patterns are networks.",
            "Line plots of each loss term against the training step.",
        )


def _largest(study: Study, task: str) -> pd.DataFrame | None:
    """Return the rows of the suite that trains most losses on a task; None where all have fewer than five."""
    parts = [pairing_rows(study, suite) for suite in shown_suites(study)]
    mine = [crowded(part[part["task"] == task], ["task"]) for part in parts]
    best = max(mine, key=lambda part: part["loss"].nunique())
    return best if len(best) else None


def term_lines(study: Study) -> pd.DataFrame:
    """Return run, task, network, recipe, loss, term, step, value: the record's terms, one row per number."""
    import pandas as pd

    lines = study.history[study.history["event"] == "train"]
    rows = [
        {"run": row["run"], "step": row["step"], "term": term, "value": value}
        for row in records(lines)
        for term, value in cast("dict[str, float | None]", row["terms"]).items()
        if value
    ]
    frame = pd.DataFrame(rows, columns=["run", "step", "term", "value"])
    return frame.merge(study.runs[["run", *ROW]], on="run")


def leads(study: Study, terms: Collection[str]) -> Iterator[StudyFigure]:
    """Draw, per task, the lead of losses that have one of `terms` over their baselines at every validation."""
    found, losses = gains(study), study.terms
    shown = {loss for loss in pairing_rows(study)["loss"] if not losses[loss].keys().isdisjoint(terms)}
    found = without_sweeps(found[found["loss"].isin(shown)])
    found = found[~found["task"].str.endswith(UNCROPPED)]
    name, caption = "gain", "Better, or only faster? Lead in validation PSNR of each loss over the one it is made from"
    if found.empty:
        yield not_drawn(name, "training", f"{caption}.", "No loss of the papers was trained beside its baseline.")
    for task, part in labelled(study, found).groupby("task", sort=False):
        lines = part.assign(panel=part["network"], line=part["loss"] + " over " + part["against"])
        yield StudyFigure(
            f"{name}_{task}",
            "training",
            lines_figure(
                lines.rename(columns={"step": "x", "gain": "y"}), "step", "lead, PSNR Y (dB)", columns=3, zero=True
            ),
            f"{caption}, at equal steps ({task}). A lead that fades was speed; one that stays is what the loss is "
            "worth at this budget. Above 0 the loss leads; recipes of different length are panels of their own.",
            "Line plots of the difference in validation PSNR against the training step.",
        )


def discriminators(study: Study) -> Iterator[StudyFigure]:
    """Draw, per task with adversarial losses, the discriminator and the network of each training."""
    import pandas as pd

    lines = study.history[study.history["discriminator"].notna()]
    name = "adversarial"
    caption = (
        "Discriminator and network of the adversarial trainings. Logits of real and restored images that drift apart "
        "for good: the discriminator has won, and teaches nothing any more. Logits that meet while its gradient fades: "
        "it has given up. Logits that stay apart by little, with gradients that neither fade nor grow: it works"
    )
    if lines.empty:
        yield not_drawn(name, "training", f"{caption}.", "No loss with a discriminator was trained.")
        return
    values = pd.DataFrame([row["discriminator"] for row in records(lines)], index=lines.index)
    # Runs have a "loss" too, and networks a gradient.
    values = values.rename(columns={"loss": "discriminator_loss", "gradient": "discriminator_gradient"})
    found = lines[["run", "step", "gradient"]].join(values).merge(study.runs[["run", *ROW]], on="run")
    found = labelled(study, found).assign(of=lambda rows: rows["network"]).rename(columns={"loss": "line", "step": "x"})
    for task, part in found.groupby("task", sort=False):
        yield StudyFigure(
            f"{name}_{task}",
            "training",
            players_figure(part, ADVERSARIAL, "step", log=("gradient norm",)),
            f"{caption} ({task}; means since the point before, but the network's gradient is that of the step). "
            "SharpGAN's discriminator has a sigmoid behind these logits.",
            "Line plots of logits, of the discriminator's loss and of gradient norms against the training step.",
        )


def players_figure(lines: pd.DataFrame, layout: dict[str, dict[str, str]], x: str, log: tuple[str, ...]) -> Figure:
    """Draw what a discriminator and the network against it do: a row per network or extractor, a panel per quantity.

    `lines` have of (the network or extractor), line, x, and the columns that `layout` names: title of the panel ->
    column -> what its dash pattern stands for; the panels of `log` have a logarithmic scale.
    """
    import pandas as pd

    parts = [
        part.assign(panel=f"{of}: {label}", y=part[column].astype("float64"), dash=who)
        for of, part in lines.groupby("of", sort=False)
        for label, columns in layout.items()
        for column, who in columns.items()
    ]
    panels = {f"{of}: {label}" for of in lines["of"] for label in log}
    return lines_figure(pd.concat(parts, ignore_index=True), x, columns=3, log_y=panels, zero=True)
