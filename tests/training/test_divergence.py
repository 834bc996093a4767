import torch
from torch import nn

from sharploss.training.divergence import first_nonfinite, nonfinite_weights


def test_the_first_step_and_its_term_are_found():
    rows = torch.ones(4, 2)
    rows[2, 1], rows[3, 0] = float("nan"), float("inf")
    assert first_nonfinite(rows, ["l1", "gv"], start=100) == {"term": "gv", "step": 102}


def test_finite_rows_are_fine():
    assert first_nonfinite(torch.ones(4, 2), ["l1", "gv"], start=0) is None


def test_weights_are_looked_at():
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    networks = {"weights": one, "discriminator weights": other}
    assert nonfinite_weights(networks, 7) is None
    with torch.no_grad():
        other.bias[1] = float("nan")
    assert nonfinite_weights(networks, 7) == {"term": "discriminator weights", "step": 7}
    with torch.no_grad():
        one.weight[0, 0] = float("inf")
    assert nonfinite_weights(networks, 7) == {"term": "weights", "step": 7}
