"""Examples in docstrings and recipes in docs/frameworks.md, run as they are printed."""

import doctest
import re
from functools import partial
from importlib import import_module
from importlib.util import find_spec

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


@pytest.mark.slow
def test_the_recipes_for_other_frameworks_run(repository, monkeypatch):
    """In the order of the page. The compiler traces and differentiates; its machine code would take minutes."""
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    page = (repository / "docs" / "frameworks.md").read_text(encoding="utf-8")
    names = {}
    for title, code in re.findall(r"^## (.+?)\n.*?^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        if title != "Lightning" or find_spec("lightning"):
            exec(compile(code, title, "exec"), names)
            assert all(parameter.grad.isfinite().all() for parameter in names["network"].parameters()), title
    assert {name: grads.shape[0] for name, grads in names["each"].items()} == dict.fromkeys(names["parameters"], 2)
