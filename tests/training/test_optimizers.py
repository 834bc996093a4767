import subprocess
import sys

import pytest
import torch

from sharploss.training.optimizers import SGD, Adam


def trajectory(optimizer, kind, **settings):
    """Weights after each of five steps, with the state saved and loaded in between."""
    weights = torch.nn.Parameter(torch.linspace(-1, 1, 7))
    running, seen = optimizer([weights], lr=0.1, **settings), []
    for step in range(5):
        running.zero_grad(set_to_none=True)
        (weights.square().sum() * (step + 1)).backward()
        running.step()
        seen.append(weights.detach().clone())
        other = kind([weights], lr=0.1, **settings)
        other.load_state_dict(running.state_dict())
        running = other
    return torch.stack(seen)


@pytest.mark.parametrize(
    ("ours", "torchs", "settings"),
    [
        (Adam, torch.optim.Adam, {"betas": (0.5, 0.9), "weight_decay": 0.01}),
        (SGD, torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.01}),
    ],
)
def test_steps_and_states_are_torchs_own(ours, torchs, settings):
    expected = trajectory(torchs, torchs, **settings)
    assert torch.equal(trajectory(ours, ours, **settings), expected)
    assert torch.equal(trajectory(ours, torchs, **settings), expected)  # a state of one is a state of the other
    assert isinstance(ours([torch.zeros(1)], lr=0.1), torchs)


def test_a_step_leaves_no_graph():
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = Adam([weights], lr=0.1)
    weights.sum().backward()
    optimizer.step()
    assert weights.grad_fn is None
    assert torch.is_grad_enabled()


@pytest.mark.slow
def test_a_step_does_not_import_the_compiler():
    script = """
import sys, torch
from sharploss.training.optimizers import SGD, Adam
for kind in (Adam, SGD):
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = kind([weights], lr=0.1)
    optimizer.zero_grad()
    weights.sum().backward()
    torch.nn.utils.clip_grad_norm_([weights], 1.0)
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
