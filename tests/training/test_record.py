from datetime import UTC, datetime

import torch

from sharploss.record.paths import paths
from sharploss.record.run import load_run, save_run
from sharploss.training.loop import not_trained, train
from sharploss.training.record import make_record
from toy_training import typed

ABOUT = {"device": torch.device("cpu"), "started": datetime(2026, 1, 2, tzinfo=UTC)}


def test_what_a_finished_run_says_of_itself(config, packs, tmp_path):
    outcome = train(typed(config), packs, scratch=tmp_path, device=torch.device("cpu"))
    record = make_record("key", typed(config), outcome, **ABOUT, made_from={"identity": "abc"})
    result, origin = record.metrics, record.provenance
    assert (result.status, result.step) == ("finished", 12)
    assert set(result.terms) == {"l1", "gv"}
    assert result.validation["psnr_y"] > 0
    assert origin.started == "2026-01-02T00:00:00+00:00"
    assert (typed(origin.config), origin.identity) == (typed(config), "abc")
    assert origin.parameters == sum(p.numel() for p in outcome.network.parameters() if p.requires_grad)
    assert origin.versions["torch"] == torch.__version__.split("+")[0] or torch.__version__
    files = paths("mini", tmp_path).run("key")
    save_run(files, record)
    assert load_run(files, "key") == record


def test_a_diverged_run_says_so(config, packs, tmp_path):
    config["recipe"].update(optimizer="sgd", learning_rate=1e30, warmup=0)
    outcome = train(typed(config), packs, scratch=tmp_path, device=torch.device("cpu"))
    result = make_record("key", typed(config), outcome, **ABOUT).metrics
    assert result.status == "diverged"
    assert result.diverged is not None


def test_a_run_that_was_not_trained_says_what_to_do(config, tmp_path):
    outcome = not_trained(typed(config), tmp_path, "a.pth is not here")
    assert make_record("key", typed(config), outcome, **ABOUT).metrics.cure is None
    result = make_record("key", typed(config), outcome, **ABOUT, cure="fetch it").metrics
    assert (result.status, result.reason, result.cure) == ("not_trained", "a.pth is not here", "fetch it")
