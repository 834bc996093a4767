import json
from datetime import UTC, datetime

import torch

from sharploss.training.loop import not_trained, train
from sharploss.training.record import metrics, provenance, summary


def test_what_a_finished_run_says_of_itself(config, packs, tmp_path):
    outcome = train(config, packs, scratch=tmp_path, device=torch.device("cpu"))
    result = metrics(outcome)
    assert result["status"] == "finished"
    assert result["step"] == 12
    assert set(result["terms"]) == {"l1", "gv"}
    assert result["validation"]["psnr_y"] > 0
    origin = provenance(config, outcome, torch.device("cpu"), datetime(2026, 1, 2, tzinfo=UTC))
    assert origin["started"] == "2026-01-02T00:00:00+00:00"
    assert origin["config"] == config
    assert origin["parameters"] == sum(p.numel() for p in outcome.network.parameters() if p.requires_grad)
    assert origin["versions"]["torch"] == torch.__version__.split("+")[0] or torch.__version__
    json.dumps([result, origin], allow_nan=False)
    assert "12 steps" in summary("key", outcome)


def test_a_diverged_run_says_so(config, packs, tmp_path):
    config["recipe"].update(optimizer="sgd", learning_rate=1e30, warmup=0)
    outcome = train(config, packs, scratch=tmp_path, device=torch.device("cpu"))
    result = metrics(outcome)
    assert result["status"] == "diverged"
    assert set(result["diverged"]) == {"term", "step"}
    json.dumps(result, allow_nan=False)
    assert "diverged" in summary("key", outcome)


def test_a_run_that_was_not_trained_says_what_to_do(config, tmp_path):
    outcome = not_trained(config, tmp_path, "a.pth is not here")
    assert "cure" not in metrics(outcome)
    assert metrics(outcome, "fetch it") == {**metrics(outcome), "cure": "fetch it"}
    assert metrics(outcome)["reason"] == "a.pth is not here"
    assert summary("key", outcome) == "key: not trained: a.pth is not here"
    assert summary("key", outcome, "fetch it") == "key: not trained: a.pth is not here: fetch it"
