import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharploss.analysis.compare import SMALLEST, compare, main, results_of
from sharploss.record.paths import paths
from sharploss.record.scores import Notes, save_scores
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_json

SETTINGS = {"seed": 0, "recipe": {"steps": 60}}


def make(root, values, settings=None):
    """Write the scores {(run, image, metric): value} and the settings of their runs."""
    files = paths("mini", root)
    rows = [(run, "set5", image, metric, "p", value) for (run, image, metric), value in values.items()]
    save_scores(files.scores("g"), rows, Notes())
    for run in {run for run, _, _ in values}:
        write_json(files.run(run).provenance, {"config": (settings or {}).get(run, SETTINGS)})
    return files


@given(st.sampled_from(sorted(SMALLEST)), st.floats(0.01, 3), st.sampled_from([-1, 1]))
@pytest.mark.slow
def test_a_mean_beyond_the_smallest_effect_is_not_reproduced(tmp_path_factory, metric, size, sign):
    """By hand: of two images one is off by twice the shift, so the mean by the shift."""
    root, shift = tmp_path_factory.mktemp("r"), sign * size * SMALLEST[metric]
    one = make(root / "one", {("a", "x", metric): 5.0, ("a", "y", metric): 7.0})
    other = make(root / "other", {("a", "x", metric): 5.0 + 2 * shift, ("a", "y", metric): 7.0})
    means, left_out = compare(one, other)
    assert left_out == []
    assert means["effects"].tolist() == pytest.approx([size], abs=1e-3)
    code = main([str(one.results), str(other.results)])
    if abs(size - 1) > 1e-3:
        assert code == (1 if size > 1 else 0)


def test_only_what_both_have_with_the_same_settings_is_compared(tmp_path, capsys):
    mine = {("a", "x", "psnr"): 30.0, ("a", "gone", "psnr"): 10.0, ("b", "x", "psnr"): 30.0, ("c", "x", "psnr"): 30.0}
    theirs = {("a", "x", "psnr"): 30.0, ("c", "x", "psnr"): 20.0, ("d", "x", "psnr"): 30.0, ("a", "x", "fid"): 1.0}
    one = make(tmp_path / "one", mine)
    other = make(tmp_path / "other", theirs, {"c": {"seed": 1, "recipe": {"steps": 60}}})
    assert main([str(one.results), str(other.results)]) == 0
    printed = capsys.readouterr().out
    for said in ("1 runs that only", "such as b", "such as d", "1 runs with other settings, such as c"):
        assert said in printed
    assert "reproduced: 1 means of 1 runs agree" in printed


@pytest.mark.parametrize("other", [{}, {("a", "y", "psnr"): float("inf")}, {("a", "y", "psnr"): float("nan")}])
def test_scores_that_only_one_has_are_counted(tmp_path, other):
    mine = {("a", "x", "psnr"): 30.0, ("a", "y", "psnr"): 31.0, ("a", "x", "niqe"): 5.0}
    one, two = make(tmp_path / "one", mine), make(tmp_path / "two", {("a", "x", "psnr"): 30.0, **other})
    first, second = (
        f"2 scores that only {one.results} has as finite numbers, such as " + end
        for end in ("psnr of a on set5/y", "niqe of a on set5/x")
    )
    assert compare(one, two)[1] in ([first], [second])
    assert compare(two, one)[1] in ([first], [second])


@pytest.mark.parametrize("empty", [None, [], {}])
def test_a_setting_that_one_version_leaves_empty_is_none(tmp_path, empty):
    one = make(tmp_path / "one", {("a", "x", "psnr"): 30.0}, {"a": SETTINGS | {"preferred": empty}})
    assert compare(one, make(tmp_path / "other", {("a", "x", "psnr"): 30.0}))[1] == []


def test_the_largest_differences_are_named(tmp_path, capsys):
    one = make(tmp_path / "one", {("a", "x", "psnr"): 30.0, ("b", "x", "ssim"): 0.9})
    other = make(tmp_path / "other", {("a", "x", "psnr"): 30.01, ("b", "x", "ssim"): 0.8})
    assert main([str(one.results), str(other.results)]) == 1
    assert "b on set5, ssim: 0.9000 and 0.8000" in capsys.readouterr().out


def test_what_holds_no_results_is_refused(tmp_path):
    files = make(tmp_path / "one", {("a", "x", "psnr"): 30.0})
    for folder in (files.results.parent, files.results / "scores", tmp_path / "nothing"):
        with pytest.raises(UserError, match="holds no results of a study"):
            results_of(folder)
    other = make(tmp_path / "other", {("b", "x", "psnr"): 30.0})
    with pytest.raises(UserError, match="no score in common"):
        main([str(files.results), str(other.results)])
