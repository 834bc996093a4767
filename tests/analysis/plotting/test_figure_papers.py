"""The small figures of the papers and of our own questions: what they draw is what the table says."""

import numpy as np
import pandas as pd
import pytest

from sharploss.analysis.plotting.alpha import beside_figure
from sharploss.analysis.plotting.claims import LOOKS, claims_figure
from sharploss.analysis.plotting.gains import gains_figure
from sharploss.analysis.plotting.protocol import protocol_figure
from sharploss.analysis.plotting.scoreboard import scoreboard_figure
from sharploss.analysis.plotting.style import style
from sharploss.analysis.plotting.variance import variance_figure
from sharploss.analysis.plotting.weights import weights_figure

NAN = float("nan")


def test_each_verdict_has_its_own_mark_and_place():
    rows = pd.DataFrame(
        [
            ["E1", "SPLoss", "published", "supported"],
            ["E1", "SPLoss", "measured", "contradicted"],
            ["E13", "GV", "published", "undecided"],
            ["E13", "GV", "measured", "not testable"],
        ],
        columns=["claim", "paper", "side", "verdict"],
    )
    with style():
        figure = claims_figure(rows)
    assert [axes.get_title() for axes in figure.axes] == ["SPLoss", "GV"]
    marks = {
        line.get_marker(): list(line.get_ydata()) for line in figure.axes[0].get_lines() if line.get_ls() == "None"
    }
    assert marks == {"o": [0], "X": [1], "D": [], "_": []}
    assert len({look["marker"] for look in LOOKS.values()}) == len(LOOKS)


def test_gains_are_means_over_seeds_around_zero():
    rows = [["a", "l1_gv", "l1", step, 0.1 * step + seed] for step in (1, 2) for seed in (0, 1)]
    with style():
        figure = gains_figure(pd.DataFrame(rows, columns=["network", "loss", "against", "step", "gain"]))
    zero, line = figure.axes[0].get_lines()
    assert list(zero.get_ydata()) == [0, 0]
    assert list(line.get_ydata()) == pytest.approx([0.6, 0.7])


def test_weights_are_on_a_log_scale_beside_the_loss_without_the_term():
    rows = [["vgg", "lpips", "a", w, 0.3 - w, 0.2, 0.4, "l2", 0.31] for w in (0.001, 0.01, 0.1)]
    columns = ["line", "metric", "protocol", "weight", "value", "low", "high", "against", "baseline"]
    with style():
        figure = weights_figure(pd.DataFrame(rows, columns=columns), [("lpips", "a")])
    line, base = figure.axes[0].get_lines()
    assert list(line.get_xdata()) == [0.001, 0.01, 0.1]
    assert list(base.get_ydata()) == [0.31, 0.31]
    assert figure.axes[0].get_xscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["vgg", "l2"]


def test_variance_curves_stand_beside_their_share_of_the_target():
    rows = [
        [net, line, way, rank, 0.1 * (1 + rank), share * 0.1 * (1 + rank)]
        for net, line, share in (("", "bicubic", 0.4), ("vdsr", "l2", 0.5), ("vdsr", "l2_gv", 0.6))
        for way in "xy"
        for rank in (0.25, 0.75)
    ]
    with style():
        figure = variance_figure(
            pd.DataFrame(rows, columns=["network", "line", "direction", "rank", "target", "output"])
        )
    assert len(figure.axes) == 4
    share = [list(line.get_ydata()) for line in figure.axes[2].get_lines()]
    assert np.allclose(share, [[1, 1], [0.4, 0.4], [0.5, 0.5], [0.6, 0.6]])
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    assert figure.axes[0].get_ylabel() == "vdsr"


def test_no_share_of_the_variance_is_cut_off():
    rows = [["vdsr", "l2_gv", direction, 0.1, 0.01, 0.01 * share] for direction in "xy" for share in (0.02, 68.0)]
    with style():
        figure = variance_figure(
            pd.DataFrame(rows, columns=["network", "line", "direction", "rank", "target", "output"])
        )
        limits = [axes.get_ylim() for axes in figure.axes[2:]]
    assert all(low < 0.02 and high > 68 for low, high in limits)


def test_the_scoreboard_prints_the_share_of_every_cell():
    rows = [["gv over l1", "PSNR Y", 0.75, 4], ["gv over l1", "LPIPS", 0.5, 4], ["tv over l1", "PSNR Y", 0.0, 2]]
    with style():
        figure = scoreboard_figure(pd.DataFrame(rows, columns=["loss", "measure", "share", "cells"]))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["75", "50", "0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gv over l1 (4)", "tv over l1 (2)"]


def test_the_protocols_difference_is_told_in_decibels():
    pairs = pd.DataFrame([["set5", "bicubic", 30.0, 27.5]], columns=["dataset", "loss", "usual", "other"])
    with style():
        figure = protocol_figure(pairs, ("cropped", "not cropped"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["\N{MINUS SIGN}2.50 dB"]
    assert [line.get_xdata()[0] for line in figure.axes[0].get_lines()[:2]] == [30.0, 27.5]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cropped", "not cropped"]


def test_published_changes_have_no_band():
    rows = [["measured", "psnr", "y", a, -a, -a - 1, -a + 1] for a in (0.0, 2.0)]
    rows += [["published", "psnr", "y", a, -2 * a, NAN, NAN] for a in (0.0, 2.0)]
    columns = ["line", "metric", "protocol", "alpha", "change", "low", "high"]
    with style():
        axes = beside_figure(pd.DataFrame(rows, columns=columns), [("psnr", "y")]).axes[0]
    assert [list(line.get_ydata()) for line in axes.get_lines()[1:]] == [[0.0, -2.0], [0.0, -4.0]]
    bands = [band.get_paths() for band in axes.collections]
    assert [len(paths) for paths in bands] == [1, 0]
