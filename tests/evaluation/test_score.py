import math
import os
import threading
import time
from functools import partial

import pytest
import torch
from toys import TASK, picture

from sharploss.config.protocols import METRIC_INFO
from sharploss.data import imresize
from sharploss.evaluation.score import defined, open_test_packs, score_packs
from sharploss.metrics import SET_METRICS, CachedImage, psnr
from sharploss.metrics.sharpness import gradient_variance_ratio
from sharploss.record.paths import paths
from sharploss.utils import cores as cores_module
from sharploss.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("no_weights")


NEED_WEIGHTS = {name for name, info in METRIC_INFO.items() if info["asset"]}


def enlarge(image):
    return imresize(image, 2)


def score(root, restorers, scale=2, on_image=lambda *_: None, metrics=tuple(METRIC_INFO)):
    packs = open_test_packs("toy", TASK, paths("mini", root))
    task, device = TASK.model_copy(update={"scale": scale}), torch.device("cpu")
    about = {"title": "toy", "on_image": on_image, "metrics": metrics}
    return defined(score_packs(packs, restorers, task=task, device=device, **about))


def test_every_run_image_metric_and_protocol_has_one_row(study):
    rows, _ = score(study, {"one": enlarge, "two": enlarge})
    measures = {(metric, protocol) for metric in ("psnr", "ssim") for protocol in ("y", "rgb", "gv_code")}
    measures |= {("gradient_variance_ratio", "grey"), ("blurred_edge_share", "rgb"), ("edge_psnr", "y")}
    measures |= {("overshoot", "y"), ("colour_shift", "lab")}
    expected = {
        (run, "toys", image, *measure)
        for run in ("one", "two")
        for image in ("first", "second")
        for measure in measures
    }
    found = [row[:5] for row in rows if row.metric in {metric for metric, _ in measures} | {"ms_ssim", *NEED_WEIGHTS}]
    assert len(found) == len(expected)
    assert set(found) == expected


def test_values_are_the_metrics_own(study):
    rows, _ = score(study, {"one": enlarge})
    values = {row[2:5]: row[5] for row in rows}
    target = picture(1)
    pair = [image[None] / 255 for image in (enlarge(imresize(target, 1 / 2)), target)]
    assert values["first", "psnr", "y"] == psnr(*pair, border=2).item()
    assert values["first", "gradient_variance_ratio", "grey"] == gradient_variance_ratio(*pair, border=2).item()


def test_equal_outputs_have_exactly_equal_scores(study):
    rows, _ = score(study, {"one": enlarge, "two": enlarge})
    one, two = ([row[1:] for row in rows if row[0] == run] for run in ("one", "two"))
    assert one == two


def test_what_cannot_be_measured_has_a_reason_and_no_row(study):
    rows, notes = score(study, {"one": enlarge})
    assert notes.not_measured.pop("ms_ssim") == "it has no finite value on toys/first and 1 more"
    assert notes.not_measured.keys() == {"lpips", "lpips_vgg", "niqe", "fid"}
    assert all("neither the cache nor a mirror" in reason for reason in notes.not_measured.values())
    assert not {"lpips", "niqe"} & {row[3] for row in rows}


def test_an_undefined_value_has_a_reason_and_no_row(make_test_set):
    root = make_test_set({"flat": torch.full((3, 40, 40), 9, dtype=torch.uint8), "first": picture(1)})
    rows, notes = score(root, {"one": enlarge})
    assert notes.not_measured["gradient_variance_ratio"] == "it has no finite value on toys/flat"
    assert [row[2] for row in rows if row[3] == "gradient_variance_ratio"] == ["first"]
    # The flat image is restored exactly: its PSNR is infinite, which its row says.
    assert notes.not_measured["psnr"] == "it has no finite value on toys/flat"
    assert {row[2]: math.isinf(row[5]) for row in rows if row[3:5] == ("psnr", "y")} == {"flat": True, "first": False}
    assert all(math.isfinite(row[5]) or row[5] > 0 for row in rows)
    assert {row[3] for row in rows if not math.isfinite(row[5])} == {"psnr"}  # edge PSNR: no edge, no value


def test_a_dead_network_ends_nothing(make_test_set):
    root = make_test_set({"first": picture(1)})
    rows, _ = score(root, {"dead": lambda image: torch.full_like(enlarge(image), 128), "one": enlarge})
    assert {row[0] for row in rows if row[3] == "psnr"} == {"dead", "one"}


def test_a_test_image_smaller_than_the_border_is_named(make_test_set):
    root = make_test_set({"tiny": picture(1, 8, 8)})
    with pytest.raises(UserError, match=r"toys/tiny: A border of 4 .* 8x8"):
        score(root, {"one": enlarge}, scale=4)


def test_an_output_of_another_size_is_named_with_both_sizes(study):
    with pytest.raises(UserError, match=r"toys/first: one gives 48x28 pixels where the ground truth has 48x56"):
        score(study, {"one": lambda image: enlarge(image)[..., ::2]})


def test_only_what_is_asked_for_is_measured(study):
    rows, notes = score(study, {"one": enlarge}, metrics=["psnr", "overshoot"])
    assert {row[3] for row in rows} == {"psnr", "overshoot"}
    assert notes.not_measured == {}


def mean_colours(picture):
    """Features for a metric of whole sets: the mean colours of four quarters."""
    return torch.nn.functional.adaptive_avg_pool2d(picture.levels(), 2)[0].flatten(1).T


def test_a_metric_of_whole_sets_has_one_row_a_run_and_set(study, monkeypatch):
    monkeypatch.setitem(SET_METRICS, "fid", lambda: mean_colours)
    targets = torch.cat([mean_colours(CachedImage(picture(*about)[None] / 255)) for about in ((1,), (2, 40, 44))])
    rows, notes = score(study, {"one": enlarge, "two": lambda image: enlarge(image) // 2})
    found = {row[0]: row for row in rows if row[3] == "fid"}
    assert {run: row[1:5] for run, row in found.items()} == dict.fromkeys(
        ("one", "two"), ("toys", "*", "fid", "inception_p128")
    )
    assert notes.fid_patches == {"toys": len(targets)}
    assert "fid" not in notes.not_measured
    # Bicubic interpolation hardly moves mean colours; halved ones are far off, mostly by the shift of their mean.
    assert 0 <= found["one"][5] < 1e-3
    halved = targets.mean(dim=0).square().sum().item() / 4
    assert found["two"][5] == pytest.approx(halved, rel=0.2)


def test_targets_are_looked_at_once_for_all_runs(study, monkeypatch):
    seen = []
    monkeypatch.setitem(SET_METRICS, "fid", lambda: lambda picture: (seen.append(1), mean_colours(picture))[1])
    score(study, {"one": enlarge, "two": enlarge, "three": enlarge}, metrics=["fid"])
    assert len(seen) == 2 * (1 + 3)


def test_there_is_no_number_of_patches_where_none_were_compared(study):
    assert score(study, {"one": enlarge}, metrics=["psnr"]).notes.fid_patches == {}


def test_every_restored_image_is_handed_over(study):
    seen = {}
    score(study, {"one": enlarge}, on_image=lambda name, run, image: seen.setdefault((name, run), image))
    assert seen.keys() == {("toys/first", "one"), ("toys/second", "one")}
    assert torch.equal(seen["toys/first", "one"], enlarge(imresize(picture(1), 1 / 2)))


def test_a_set_that_could_not_be_had_is_told(study):
    assert score(study, {"one": enlarge}, metrics=["psnr"]).notes.missing_sets == {"lost": "it is lost"}


def test_a_network_whose_output_is_not_finite_has_no_scores_there_and_the_others_have(study, monkeypatch, capsys):
    monkeypatch.setitem(SET_METRICS, "fid", lambda: mean_colours)

    def breaks(image):
        if torch.equal(image, imresize(picture(1), 1 / 2)):
            raise FloatingPointError("the network's output is not finite")
        return enlarge(image)

    rows, notes = score(study, {"breaks": breaks, "one": enlarge})
    assert {row[2] for row in rows if row[0] == "breaks"} == {"second"}
    assert {row[2] for row in rows if row[0] == "one"} == {"first", "second", "*"}
    for metric in ("psnr", "ssim", "overshoot"):
        assert notes.not_measured[metric] == "it has no finite value on toys/first"
    assert "warning: breaks on toys/first: the network's output is not finite" in capsys.readouterr().err


@pytest.mark.parametrize(("cores", "taken", "expected"), [(4, 0, 3), (4, 2, 2), (4, 4, 1), (1, 0, 1), (16, 0, 3)])
def test_as_many_images_are_measured_at_once_as_cores_are_free(study, monkeypatch, tmp_path, cores, taken, expected):
    """Three networks, and `taken` cores that other processes have claimed."""
    import fcntl

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(cores_module, "usable_cores", lambda: range(cores))
    monkeypatch.setattr(cores_module, "_quotas", list)
    monkeypatch.setattr(cores_module, "_claimed", {})
    folder = tmp_path / f"sharploss-cores-{os.getuid()}"
    folder.mkdir()
    others = [(folder / str(core)).open("w") for core in range(taken)]
    for file in others:
        fcntl.flock(file, fcntl.LOCK_EX)
    now, most, lock = set(), [0], threading.Lock()

    def slow(name, image):
        with lock:
            now.add(name)
            most[0] = max(most[0], len(now))
        time.sleep(0.02)
        with lock:
            now.remove(name)
        return enlarge(image)

    score(study, {name: partial(slow, name) for name in "abc"}, metrics=["psnr"])
    assert most[0] == expected
    for file in [*others, *cores_module._claimed.values()]:
        file.close()
