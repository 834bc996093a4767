"""What only a GPU can show of a captured step: `python benchmarks/gpu.py` measures the rest."""

import pytest
import torch

from sharploss.evaluation.restore import restore
from sharploss.metrics import METRICS, CachedImage
from sharploss.training.loop import train
from sharploss.training.state import make_network
from toy_training import typed

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

NETWORKS = [
    {"network": "edsr", "blocks": 1, "width": 8, "res_scale": 1.0},
    {"network": "srresnet", "blocks": 1, "width": 8},
    {"network": "nlsn", "blocks": 1, "width": 8, "chunk": 8, "hashes": 2},
]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_step_is_captured_and_does_what_the_others_do(config, packs, tmp_path, network, mode):
    config["network"] = network
    config["recipe"] |= {"mode": mode, "average": 0.9, "clip_norm": 1.0}
    run, device = typed(config), torch.device("cuda")
    results = {
        form: train(run, packs, scratch=tmp_path / form, device=device, form=form) for form in ("eager", "captured")
    }
    assert results["captured"].state.replays == 12
    one, other = (result.network.state_dict() for result in results.values())
    for name, value in one.items():
        if mode == "exact":
            assert torch.equal(value, other[name])
        else:
            torch.testing.assert_close(other[name], value, rtol=0.05, atol=0.005)


def test_scores_are_those_of_a_cpu(config, packs):
    network, pack = make_network(typed(config)).eval(), packs["validation"]
    scores = []
    for device in ("cuda", "cpu"):
        output = restore(network.to(device), pack.input(0))
        images = (CachedImage(image[None].to(device)) for image in (output, pack.target(0)))
        scores.append(METRICS["psnr"]()(*images, "y", 2).item())
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
