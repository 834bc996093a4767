"""Examples in docstrings and recipes in docs/frameworks.md, run as they are printed."""

import doctest
import re
from functools import partial
from importlib import import_module

import pytest
import torch

MODULES = {
    f"sharploss.{name}"
    for name in (
        *("losses", "losses.sploss", "losses.gradient_variance", "losses.second_order_gradient"),
        *("metrics.psnr", "metrics.ssim", "data.imresize", "networks"),
    )
}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_examples_give_what_they_say(name):
    module = import_module(name)
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0


def recipes(repository):
    """Return the snippets of docs/frameworks.md by their titles, compiled, in the order of the page."""
    page = (repository / "docs" / "frameworks.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.+?)\n.*?^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return {title: compile(code, title, "exec") for title, code in found}


@pytest.mark.slow
def test_the_recipes_for_other_frameworks_run(repository, monkeypatch):
    """In the order of the page. The compiler traces and differentiates; its machine code would take minutes."""
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    names = {}
    for title, code in recipes(repository).items():
        if title != "Lightning":
            exec(code, names)
            assert all(parameter.grad.isfinite().all() for parameter in names["network"].parameters()), title
    assert {name: grads.shape[0] for name, grads in names["each"].items()} == dict.fromkeys(names["parameters"], 2)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Lightning's, on how many workers read the data and what is not logged
def test_the_recipe_for_lightning_runs(repository):
    pytest.importorskip("lightning", reason="Lightning is not installed: it comes with none of the extras")
    names, found = {}, recipes(repository)
    exec(found["A plain loop"], names)
    exec(found["Lightning"], names)
    trainer = names["trainer"]
    assert trainer.global_step == 2
    assert trainer.callback_metrics.keys() == {"train/l1", "train/sploss", "psnr"}
    assert all(value.isfinite() for value in trainer.callback_metrics.values())
