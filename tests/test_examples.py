"""Examples in docstrings and recipes in docs/frameworks.md, run as they are printed."""

import doctest
import re
from functools import partial
from importlib import import_module

import pytest
import torch

from sharploss import data, losses, metrics, networks

ADVERSARIAL = {"gan", "lsgan", "ragan", "sharpgan"}  # they need a discriminator: see build_discriminator
EXAMPLES = [
    *(term for name, term in losses.TERMS.items() if name not in ADVERSARIAL),
    *(losses.build_loss, networks.build_network, networks.build_discriminator, data.imresize, data.degrade),
    *(metrics.psnr, metrics.ssim, metrics.ms_ssim, metrics.edge_psnr, metrics.overshoot, metrics.colour_shift),
    *(metrics.blurred_edge_share, metrics.gradient_variance_ratio),
]
"""The library's public names (README.md, docs/frameworks.md)."""


@pytest.mark.parametrize("thing", EXAMPLES, ids=lambda thing: thing.__name__)
def test_every_public_name_has_an_example_that_gives_what_it_says(thing):
    module = import_module(thing.__module__)
    (found,) = doctest.DocTestFinder(recurse=False).find(thing, thing.__name__, module, vars(module))
    assert found.examples
    runner = doctest.DocTestRunner()
    runner.run(found)
    assert runner.failures == 0


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
