"""The first screen of a page: the answer in three sentences, a strip of restored crops, and the trade-off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from sharploss.analysis.figures.crops import chosen_files, crops_of
from sharploss.analysis.figures.draw import EVIDENCE
from sharploss.analysis.figures.study_figure import Block
from sharploss.analysis.files import FIGURES, Answer, CropTile, FigureEntry, FirstScreen, load_figures
from sharploss.analysis.measures import ALPHA, direction, metric_title, number
from sharploss.analysis.plotting.pixels import grey, psnr, read_picture
from sharploss.analysis.report.headline import CHANGES, answers
from sharploss.analysis.stats.matched import ABOVE, BELOW, PERCEPTUAL, WITHIN
from sharploss.analysis.stats.smallest import BETTER, EQUAL, OPEN, WORSE, state
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import count, images_of, records
from sharploss.analysis.tables.matched_psnr import UNKNOWN, alphas_of, at_matched_psnr, change, costs
from sharploss.analysis.titles import listed, name_title
from sharploss.record.keys import TARGET

WINDOW = 64  # pixels: the side of the square of a crop that the strip shows

EFFECT_IN_WORDS = {
    BETTER: "brings {}'s images closer to the target",
    WORSE: "takes {}'s images further from the target",
    EQUAL: "changes nothing that counts in {}'s images",
    OPEN: "makes no clear difference to {}'s images",
}

AT_EQUAL_PSNR = "SPLoss at equal PSNR"
OTHERS_IN_WORDS = {
    WORSE: (f"is further from the target than {AT_EQUAL_PSNR}", f"are further from the target than {AT_EQUAL_PSNR}"),
    BETTER: (f"is closer to the target than {AT_EQUAL_PSNR}", f"are closer to the target than {AT_EQUAL_PSNR}"),
    EQUAL: (f"is no different from {AT_EQUAL_PSNR}", f"are no different from {AT_EQUAL_PSNR}"),
    OPEN: (f"cannot be told from {AT_EQUAL_PSNR}",) * 2,
    BELOW: (f"costs more PSNR than any {ALPHA}", f"cost more PSNR than any {ALPHA}"),
    ABOVE: (f"keeps more PSNR than any {ALPHA}", f"keep more PSNR than any {ALPHA}"),
}
"""What is said of one other loss, and of several."""

LISTED_BY_NAME = (BETTER, BELOW, ABOVE)  # what is said of losses by name


def first_screen(study: Study) -> FirstScreen:
    """Return what the first screen shows."""
    found = answers(study)
    steps = study.params.recipes[found[0].recipe].steps if found else int(study.runs["step"].max())
    long = f"{steps:,} steps" if found else f"up to {steps:,} steps"
    short = f"No evidence: trainings of {long} test the software, and say nothing about the losses."
    caution = short if steps < EVIDENCE else ""
    if not found:
        why = "No network with SPLoss alone and L1 has a score of how it looks: there is no answer."
        return {"caution": caution, "sentences": [why], "tiles": [], "crop": "", "figure": _figure(study)}
    tiles, crop = strip(study, found[0])
    said = sentences(study, found[0])
    return {"caution": caution, "sentences": said, "tiles": tiles, "crop": crop, "figure": _figure(study)}


def sentences(study: Study, answer: Answer) -> list[str]:
    """Answer in three sentences: what SPLoss changes, what it costs, and what is preliminary."""
    cells = {(row["loss"], row["metric"]): row for row in records(Block(*answer[:4]).of(at_matched_psnr(study)))}
    alphas = alphas_of(study)
    own = next(
        (loss for loss in (study.about.subject.loss, *alphas) if alphas.get(loss) and (loss, "psnr") in cells), ""
    )
    known = [name for name in PERCEPTUAL if (own, name) in cells]
    if not known:
        return [answer.scope]
    price = _price(study, answer, own)
    gain = _gain(study, answer, [cells[own, name] for name in (*known[:2], "psnr")])
    beside = Block(*answer[:4]).of(study.compared[study.compared["against"] == study.references[0]])
    further = {row["loss"] for row in records(beside[beside["metric"] == known[0]])
               if state(row["metric"], row, row["baseline"]) == WORSE}  # fmt: skip
    others = [row for row in cells.values() if row["metric"] == known[0] and row["loss"] not in alphas]
    told = other_losses(others, study.titles, further)
    return [f"{gain}. {told}".strip(), *_elsewhere(study, answer, own), price, _standing(study, answer, own)]


def _elsewhere(study: Study, answer: Answer, own: str) -> list[str]:
    """State what, on the same task's next network if it has one with other losses, SPLoss and others do."""
    sizes = study.runs.groupby("network")["parameters"].max()
    for other in answers(study):
        cells = {(row["loss"], row["metric"]): row for row in records(Block(*other[:4]).of(at_matched_psnr(study)))}
        perceptual = next((name for name in PERCEPTUAL if (own, name) in cells), "")
        others = [row for row in cells.values() if row["metric"] == perceptual and row["loss"] not in alphas_of(study)]
        if other.task != answer.task or other.network == answer.network or not others:
            continue
        row, size = cells[own, perceptual], "smaller" if sizes[other.network] < sizes[answer.network] else "larger"
        word = EFFECT_IN_WORDS[state(perceptual, row, row["baseline"])].replace("{}'s", "its")
        text = f"On {name_title(other.network)}, a {size} network, {study.titles[own]} instead of L1 {word}"
        better = [one for one in others if one["place"] == WITHIN and state(perceptual, one, one["reached"]) == BETTER]
        ahead = [f"{study.titles[one['loss']]} ({change(study, one)})" for one in better]
        which = f"{listed(ahead)} {'is' if len(ahead) == 1 else 'are'} closer" if ahead else "no other loss is closer"
        return [f"{text}: {metric_title(perceptual)} {change(study, row)}; {which} to the target than {AT_EQUAL_PSNR}."]
    return []


def _price(study: Study, answer: Answer, own: str) -> str:
    """State what a training step with SPLoss takes of L1's, or where that is known."""
    known = {key: text for key, text in costs(study).items() if key[-1] == own and text != UNKNOWN}
    if mine := known.pop((*answer[:3], own), ""):
        return f"A training step with it takes {mine} of L1's."
    there = [f"{text} on {name_title(key[1])}" for key, text in known.items()]
    where = f"; where both were, one with SPLoss takes {listed(there)}, compared with L1" if there else ""
    both = f"on {name_title(answer.network)}, where L1 and {study.titles[own]} were not both timed"
    return f"The cost of a training step is {UNKNOWN} {both}{where}."


def _gain(study: Study, answer: Answer, rows: list[dict[str, Any]]) -> str:
    first, loss = rows[0], study.titles[rows[0]["loss"]]
    word = EFFECT_IN_WORDS[state(first["metric"], first, first["baseline"])]
    numbers = ", ".join(_number(study, row) for row in rows)
    images = count(images_of(study, answer.task, answer.dataset), "image")
    where = f"{images} of {name_title(answer.dataset)}, 95 % intervals"
    return f"{loss} instead of L1 {word.format(name_title(answer.network))}: {numbers} dB ({where})"


def _number(study: Study, row: dict[str, Any]) -> str:
    """Return a difference with its metric; from where to where, if what is best of it is one."""
    metric, name = row["metric"], metric_title(row["metric"])
    ends = " → ".join(number(metric, row["baseline"] + step) for step in (0, row["difference"]))
    told = f"{ends} ({change(study, row)}; target 1)" if direction(metric) == "one" else change(study, row)
    return f"{name if name.isupper() else name.lower()} {told}"


def other_losses(rows: list[dict[str, Any]], titles: Mapping[str, str], further: set[str]) -> str:
    """Count the other losses by how they do at SPLoss's PSNR; `further` are those further from the target than L1."""
    if not rows:
        return ""
    states = [state(row["metric"], row, row["reached"]) if row["place"] == WITHIN else row["place"] for row in rows]
    parts = list[str]()
    for one, words in OTHERS_IN_WORDS.items():
        mine = [row["loss"] for row, its in zip(rows, states, strict=True) if its == one]
        if not mine:
            continue
        names = f" ({listed([titles[loss] for loss in mine])})" if one in LISTED_BY_NAME else ""
        more = f" and {'are' if len(mine) > 1 else 'is'} further from the target than L1" if one == BELOW else ""
        parts.append(f"{len(mine)}{names} {words[len(mine) > 1]}{more if further >= {*mine} else ''}")
    return f"Of {len(rows)} other loss{'' if len(rows) == 1 else 'es'}, {listed(parts)}."


def _standing(study: Study, answer: Answer, own: str) -> str:
    """State how far the answer is preliminary, and what would change it."""
    runs = Block(*answer[:4]).of(study.runs)
    seeds = int(runs[runs["loss"].isin([own, study.references[0]])].groupby("loss")["seed"].nunique().min())
    here, absent = len(study.runs), len(study.absent)
    known = [
        "one seed" if seeds == 1 else count(seeds, "seed"),
        f"{study.params.recipes[answer.recipe].steps:,} steps",
        *([f"{here} of {here + absent} planned trainings"] if absent else []),
    ]
    changes = answer.budget[-1].partition(CHANGES)[1:] if answer.budget else ()
    text = f"{'Preliminary' if seeds == 1 or absent else 'It rests on'}: {', '.join(known)}."
    return f"{text} {''.join(changes)}".strip()


def strip(study: Study, answer: Answer) -> tuple[list[CropTile], str]:
    """Choose the crop, and the square of it, where the losses differ most; return its pictures and a caption."""
    runs = Block(*answer[:4]).of(study.runs[study.runs["status"] == "finished"])
    variants = dict(zip(runs["loss"], runs["variant"], strict=True))
    papers = {paper.loss: name for name, paper in study.about.papers.items()}
    losses = [loss for loss in (study.references[0], *papers) if loss in variants]
    best, tiles, about = -1.0, list[CropTile](), ""
    for name, crop in crops_of(study, answer.task).items():
        files = chosen_files(study, name, str(runs["group"].iloc[0]), {variants[loss]: loss for loss in losses})
        if files is None or len(losses) < 2:
            continue
        spread = np.std([grey(read_picture(path)) for _, path in files[2:]], axis=0)
        side = min(WINDOW, *spread.shape)
        worth = np.lib.stride_tricks.sliding_window_view(spread, (side, side))[::4, ::4].mean(axis=(2, 3))
        top, left = (4 * int(at) for at in np.unravel_index(worth.argmax(), worth.shape))
        if worth.max() > best:
            best, width = float(worth.max()), spread.shape[1]
            of = f"{crop.image} ({name_title(crop.dataset)})"
            restored = f"{of}, restored by {name_title(answer.network)}"
            shown = [read_picture(path)[top : top + side, left : left + side] for _, path in files]
            style = f"width:{100 * width / side:g}%;margin:-{100 * top / side:g}% 0 0 -{100 * left / side:g}%"
            target, *rest = [
                CropTile(
                    title="Target" if loss == TARGET else study.titles[loss],
                    address=quote(path.relative_to(study.root).as_posix()),
                    alt=restored if loss in losses else of,
                    scores=[] if loss == TARGET else [f"{number('psnr', psnr(picture, shown[0]))} dB"],
                    style=style,
                )
                for (loss, path), picture in zip(files, shown, strict=True)
            ]
            tiles = [*rest, target]
            about = f"Where the losses differ most in {restored}, pixel by pixel, with the PSNR (RGB) of what is shown."
            if absent := [paper for loss, paper in papers.items() if loss not in losses]:
                about += f" Not trained on this: {listed(absent)}."
    return tiles, about


def _figure(study: Study) -> FigureEntry | None:
    """Return the entry of the first trade-off among the study's figures."""
    listed = load_figures(study.paths.figures) if (study.paths.figures / FIGURES).is_file() else []
    return next((one for one in listed if one["name"] == "tradeoff" and not one.get("not_drawn")), None)
