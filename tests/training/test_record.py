import json
from datetime import UTC, datetime

import torch

from sharploss.training.loop import not_trained, train
from sharploss.training.record import metrics, provenance, summary
from toy_training import typed


def test_what_a_finished_run_says_of_itself(config, packs, tmp_path):
    result = train(typed(config), packs, scratch=tmp_path, device=torch.device("cpu"))
    found = metrics(result)
    assert found["status"] == "finished"
    assert found["step"] == 12
    assert set(found["terms"]) == {"l1", "gv"}
    assert found["validation"]["psnr_y"] > 0
    origin = provenance(typed(config), result, torch.device("cpu"), datetime(2026, 1, 2, tzinfo=UTC))
    assert origin["started"] == "2026-01-02T00:00:00+00:00"
    assert typed(origin["config"]) == typed(config)
    assert origin["parameters"] == sum(p.numel() for p in result.network.parameters() if p.requires_grad)
    assert origin["versions"]["torch"] == torch.__version__.split("+")[0] or torch.__version__
    json.dumps([found, origin], allow_nan=False)
    assert "12 steps" in summary("key", result)


def test_a_diverged_run_says_so(config, packs, tmp_path):
    config["recipe"].update(optimizer="sgd", learning_rate=1e30, warmup=0)
    result = train(typed(config), packs, scratch=tmp_path, device=torch.device("cpu"))
    found = metrics(result)
    assert found["status"] == "diverged"
    assert set(found["diverged"]) == {"term", "step"}
    json.dumps(found, allow_nan=False)
    assert "diverged" in summary("key", result)


def test_a_run_that_was_not_trained_says_what_to_do(config, tmp_path):
    result = not_trained(typed(config), tmp_path, "a.pth is not here")
    assert "cure" not in metrics(result)
    assert metrics(result, "fetch it") == {**metrics(result), "cure": "fetch it"}
    assert metrics(result)["reason"] == "a.pth is not here"
    assert summary("key", result) == "key: not trained: a.pth is not here"
    assert summary("key", result, "fetch it") == "key: not trained: a.pth is not here: fetch it"
