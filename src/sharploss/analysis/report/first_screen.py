"""The first screen of a page: the answer in three sentences, a strip of restored crops, and the trade-off."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import numpy as np

from sharploss.analysis.figures.crops import chosen_files, crops_of
from sharploss.analysis.figures.draw import EVIDENCE
from sharploss.analysis.figures.study_figure import Block
from sharploss.analysis.measures import ALPHA, metric_title, number
from sharploss.analysis.plotting.pixels import grey, read_picture
from sharploss.analysis.report.headline import CHANGES, DECISIVE, Answer, answers
from sharploss.analysis.stats.matched import ABOVE, BELOW, JUDGES, WITHIN
from sharploss.analysis.stats.smallest import BETTER, EQUAL, OPEN, WORSE, state
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import count, images_of, records
from sharploss.analysis.tables.matched_psnr import UNKNOWN, alphas_of, change, costs, judged
from sharploss.analysis.titles import name_title
from sharploss.config.protocols import MAIN
from sharploss.record.keys import TARGET
from sharploss.utils.files import read_json

PAPERS = ("sploss", "l1_gv", "l1_second_order", "mdf", "sharpgan")
"""The losses that stand for their papers in the strip, as far as they were trained."""

WINDOW = 64  # pixels: the side of the square of a crop that the strip shows

SAYS = {
    BETTER: "brings {}'s images closer to the target",
    WORSE: "takes {}'s images further from the target",
    EQUAL: "changes nothing that counts in {}'s images",
    OPEN: "cannot be told from it in {}'s images",
}

BESIDE = {
    WORSE: ("is further away", "are further away"),
    BETTER: ("is closer", "are closer"),
    EQUAL: ("is no different", "are no different"),
    OPEN: ("is undecided", "are undecided"),
    BELOW: (f"costs more PSNR than any {ALPHA}", f"cost more PSNR than any {ALPHA}"),
    ABOVE: (f"keeps more PSNR than any {ALPHA}", f"keep more PSNR than any {ALPHA}"),
}
"""What is said of one other loss, and of several, at SPLoss's PSNR."""


def first_screen(study: Study) -> dict[str, Any]:
    """Return what the first screen shows: caution, sentences, tiles and what they are of, figure (None without one)."""
    found = answers(study)
    if not found:
        why = "No network with SPLoss alone and L1 has a score of how it looks: there is no answer."
        return {"caution": "", "sentences": [why], "tiles": [], "crop": "", "figure": _figure(study)}
    steps, (tiles, crop) = study.params.recipes[found[0].recipe].steps, strip(study, found[0])
    short = f"No evidence: trainings of {steps:,} steps test the software, and say nothing about the losses."
    return {
        "caution": short if steps < EVIDENCE else "",
        "sentences": sentences(study, found[0]),
        "tiles": tiles,
        "crop": crop,
        "figure": _figure(study),
    }


def sentences(study: Study, answer: Answer) -> list[str]:
    """Answer in three sentences: what SPLoss changes, what it costs, and what is preliminary."""
    cells = {(row["loss"], row["metric"]): row for row in records(Block(*answer[:4]).of(judged(study)))}
    alphas = alphas_of(study)
    own = next((loss for loss in (DECISIVE[1], *alphas) if alphas.get(loss) and (loss, "psnr") in cells), "")
    judges = [name for name in JUDGES if (own, name) in cells]
    if not judges:
        return [answer.scope]
    cost = costs(study)[(*answer[:3], own)]
    price = (
        f"What it costs in time and memory is {UNKNOWN}: these trainings were not timed."
        if cost == UNKNOWN
        else f"A training step with it takes {cost} of L1's."
    )
    others = [row for row in cells.values() if row["metric"] == judges[0] and row["loss"] not in alphas]
    gain = _gain(study, answer, [cells[own, name] for name in (*judges[:2], "psnr")])
    return [f"{gain}. {other_losses(others)}".strip(), price, _standing(study, answer, own)]


def _gain(study: Study, answer: Answer, rows: list[dict[str, Any]]) -> str:
    first, loss = rows[0], study.titles[rows[0]["loss"]]
    word = SAYS[state(first["metric"], first, first["baseline"])]
    names = [name if name.isupper() else name.lower() for name in (metric_title(row["metric"]) for row in rows)]
    numbers = ", ".join(f"{name} {change(study, row)}" for name, row in zip(names, rows, strict=True))
    images = count(images_of(study, answer.task, answer.dataset), "image")
    where = f"{images} of {name_title(answer.dataset)}, 95 % intervals"
    return f"{loss} instead of L1 {word.format(name_title(answer.network))}: {numbers} dB ({where})"


def other_losses(rows: list[dict[str, Any]]) -> str:
    """Count the other losses by how they do at equal PSNR."""
    if not rows:
        return ""
    states = [state(row["metric"], row, row["reached"]) if row["place"] == WITHIN else row["place"] for row in rows]
    counts = [(states.count(one), words) for one, words in BESIDE.items()]
    *first, last = (f"{n} {words[n > 1]}" for n, words in counts if n)
    parts = f"{', '.join(first)} and {last}" if first else last
    several = f"{len(rows)} other loss{'' if len(rows) == 1 else 'es'}"
    return f"Of {several} beside SPLoss at equal PSNR, {parts}."


def _standing(study: Study, answer: Answer, own: str) -> str:
    """Say how far the answer is preliminary, and what would change it."""
    runs = Block(*answer[:4]).of(study.runs)
    seeds = int(runs[runs["loss"].isin([own, study.references[0]])].groupby("loss")["seed"].nunique().min())
    here, absent = len(study.runs), len(study.absent)
    known = [
        "one seed" if seeds == 1 else count(seeds, "seed"),
        f"{study.params.recipes[answer.recipe].steps:,} steps",
        *([f"{here} of {here + absent} planned trainings"] if absent else []),
    ]
    changes = answer.budget[-1].partition(f"{CHANGES} ")[2].replace("if it ", "if SPLoss ", 1) if answer.budget else ""
    text = f"{'Preliminary' if seeds == 1 or absent else 'It rests on'}: {', '.join(known)}"
    return f"{text}; {changes}" if changes else f"{text}."


def strip(study: Study, answer: Answer) -> tuple[list[dict[str, Any]], str]:
    """Choose the crop, and the square of it, where the losses differ most; return its pictures and what they are of."""
    runs = Block(*answer[:4]).of(study.runs[study.runs["status"] == "finished"])
    variants = dict(zip(runs["loss"], runs["variant"], strict=True))
    losses = [loss for loss in (study.references[0], *PAPERS) if loss in variants]
    best, tiles, about = -1.0, list[dict[str, Any]](), ""
    for name, crop in crops_of(study, answer.task).items():
        files = chosen_files(study, name, str(runs["group"].iloc[0]), {variants[loss]: loss for loss in losses})
        if files is None or len(losses) < 2:
            continue
        spread = np.std([grey(read_picture(path)) for _, path in files[2:]], axis=0)
        side = min(WINDOW, *spread.shape)
        worth = np.lib.stride_tricks.sliding_window_view(spread, (side, side))[::4, ::4].mean(axis=(2, 3))
        top, left = (4 * int(at) for at in np.unravel_index(worth.argmax(), worth.shape))
        if worth.max() > best:
            best, scored = float(worth.max()), _scores(study, answer, crop)
            width = spread.shape[1]
            style = f"width:{100 * width / side:g}%;margin:-{100 * top / side:g}% 0 0 -{100 * left / side:g}%"
            target, *rest = [
                {
                    "title": "Target" if loss == TARGET else study.titles[loss],
                    "address": quote(path.relative_to(study.root).as_posix()),
                    "scores": scored.get(loss, []),
                    "style": style,
                }
                for loss, path in files
            ]
            tiles = [*rest, target]
            about = f"{crop['image']} ({name_title(crop['dataset'])}), restored by {name_title(answer.network)}"
    return tiles, about


def _scores(study: Study, answer: Answer, crop: dict[str, Any]) -> dict[str, list[str]]:
    """Return PSNR and LPIPS of the whole image that a crop is of: loss -> texts."""
    scores = study.every_score
    image = (scores[["task", "dataset", "image"]] == [answer.task, crop["dataset"], crop["image"]]).all(axis=1)
    mine = scores[image & scores["network"].isin([answer.network, ""]) & scores["recipe"].isin([answer.recipe, ""])]
    mine = mine[((mine["metric"] == "psnr") & mine["protocol"].isin(MAIN)) | (mine["metric"] == "lpips")]
    found = dict[str, list[str]]()
    for (loss, metric), part in mine.groupby(["loss", "metric"], sort=False):
        text = number(str(metric), float(part["value"].mean()))
        found.setdefault(str(loss), []).append(f"{text} dB" if metric == "psnr" else f"LPIPS {text}")
    return found


def _figure(study: Study) -> dict[str, Any] | None:
    """Return the entry of the first trade-off among the study's figures."""
    path = study.paths.figures / "figures.json"
    listed: list[dict[str, Any]] = read_json(path) if path.is_file() else []
    return next((one for one in listed if one["section"] == "tradeoff" and not one.get("not_drawn")), None)
