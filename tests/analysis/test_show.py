"""`python -m sharploss show`."""

import pytest

from sharploss.analysis.measures import ALPHA
from sharploss.analysis.show import _fit, tables
from sharploss.analysis.titles import name_title
from sharploss.utils.errors import UserError


@pytest.fixture(scope="module")
def shown(benchmark):
    def lines(**asked):
        (text,) = tables(benchmark, "first_run", **{"dataset": "b100", "sort": None, "width": 120} | asked)
        return text.splitlines()

    return lines


def test_a_table_fits_the_terminal_and_says_of_what_it_is(shown):
    lines = shown()
    assert max(map(len, lines)) <= 120
    assert lines[0] == f"benchmark, first_run: {name_title('sr_x4')}, means on B100 (100 images, 1 seed)"
    assert next(line for line in lines if line.startswith("—")).split()[1:3] == ["Bicubic", "25.96"]


def test_numbers_are_those_of_the_study(shown, benchmark):
    mine = benchmark.means.query("dataset == 'b100' and metric == 'psnr' and protocol == 'y' and loss == 'l1_gv'")
    value = mine.query("network == 'edsr' and recipe == 'h100'")["value"].item()
    row = next(line for line in shown() if "L1 + GV" in line)
    assert row.split()[5] == f"{value:.2f}"


@pytest.mark.parametrize(("metric", "best"), [("lpips", f"({ALPHA} 10)"), ("psnr_y", f"({ALPHA} 1)")])
def test_sorted_the_best_is_first(shown, metric, best):
    first = next(line for line in shown(sort=metric) if line.startswith(("EDSR", "—")))
    assert best in first
    assert "*" in first


@pytest.mark.parametrize("asked", [{"dataset": "nope"}, {"sort": "nope"}])
def test_what_is_not_there_is_told_with_what_is(shown, asked):
    with pytest.raises(UserError, match=r"'nope': known are: .*(b100|psnr_y)"):
        shown(**asked)


def test_runs_worse_than_their_input_are_marked(benchmark):
    suite = "first_run_espcn"
    worse = set(benchmark.qualified.query("reason != ''")["run"])
    marked = [line for text in tables(benchmark, suite, None, None, 120) for line in text.splitlines() if " ! " in line]
    rows = benchmark.runs[[suite in names for names in benchmark.runs["suites"]]]
    assert len(marked) == rows.loc[rows["run"].isin(worse), "loss"].nunique() > 0


def test_what_was_not_trained_is_told_below_and_is_not_worse_than_its_input(mini):
    (text,) = tables(mini, "sharpgan_loss", None, None, 120)
    row, note = (line for line in text.splitlines() if "SharpGAN" in line)
    assert row.split()[-2:] == ["—", "—"]
    assert "!" not in row
    assert note.startswith("non-BN ResG with SharpGAN: not trained: the weights vgg19 are in no cache")
    assert max(map(len, text.splitlines())) <= 120


def test_a_set_that_the_suite_lacks_is_told_with_those_it_has(mini):
    with pytest.raises(UserError, match="no test set 'set5': known are: skimage_test"):
        tables(mini, "sharpgan", "set5", None, 120)


def test_columns_that_do_not_fit_go_below():
    lines = [["network", "loss", "seeds", "one", "two"], ["EDSR", "L1", "1", "1.00", "2.00"]]
    one = "network  loss  seeds   one\nEDSR     L1        1  1.00"
    assert _fit(lines, 30) == f"{one}\n\n{one.replace('one', 'two').replace('1.00', '2.00')}"
    assert len(_fit(lines, 34).splitlines()) == 2
