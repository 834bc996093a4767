"""What the library does where nothing of the study is installed: run by test_wheel.py, with the README's path."""

import math
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import torch

from sharploss.config.protocols import METRIC_INFO
from sharploss.data import degrade, imresize
from sharploss.functional.image_loss import PretrainedLoss
from sharploss.losses import TERMS, build_loss
from sharploss.metrics import METRICS, CachedImage
from sharploss.networks import build_network
from sharploss.utils.errors import UserError

STUDY = ("dvc", "lpips", "matplotlib", "pandas", "pyiqa", "requests", "scipy", "seaborn", "skimage")
STUDY += ("submitit", "torchvision", "tqdm", "wandb", "wandb_workspaces")
assert [name for name in STUDY if find_spec(name)] == []

torch.manual_seed(0)
images = torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8)

# Degradations: a photograph's size and noise do not matter here, only that each is made.
small = imresize(images, 0.5)
assert small.shape == (2, 3, 32, 32)
for task in (
    {"kind": "sr", "scale": 2},
    {"kind": "denoise", "sigma": 25, "colour": "rgb"},
    {"kind": "jpeg", "quality": 10, "colour": "rgb"},
):
    target, made = degrade(images[0], {"seed": 0, **task}, "set5/image")
    assert target.dtype == made.dtype == torch.uint8

# Ten steps with every loss that reads no weights; of the adversarial ones the network's side.
target, made = images / 255, small / 255
for name, term in TERMS.items():
    if issubclass(term, PretrainedLoss):
        continue
    adversarial = {"size": 64, "width": 4, "discriminator": "srgan"} if name.endswith("gan") else {}
    scales = {"scales": 2} if name == "ms_ssim" else {}
    loss = build_loss({"l1": 1, name: {"weight": 0.1, **adversarial, **scales}})
    network = build_network("espcn", scale=2)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    values = []
    for _ in range(10):
        optimizer.zero_grad()
        value = loss(network(made), target)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0] or adversarial, (name, values)
    assert math.isfinite(values[-1]), name
    print("trained", name)

# Metrics that need no weights.
output = CachedImage(network(made).detach().clamp(0, 1))
for name, info in METRIC_INFO.items():
    if info["asset"] is None and name in METRICS:
        measured = METRICS[name]()(output, CachedImage(target), "rgb", 2)
        assert measured.shape == (2,), name
        print("measured", name)

# The README's snippets, as they are printed there.
for snippet in re.findall(r"^```python\n(.*?)^```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.M | re.S):
    exec(snippet, {})
    print("snippet")

# What is missing is one sentence that names the extra.
sentences = []
for ask in (lambda: build_loss({"lpips": 1}), lambda: build_loss({"vgg": 1}), METRICS["lpips"]):
    try:
        ask()
    except UserError as error:
        sentences.append(str(error))
command = [sys.executable, "-I", "-m", "sharploss", "add", "--help"]
done = subprocess.run(command, capture_output=True, text=True, check=False)
sentences += done.stderr.splitlines()
assert len(sentences) == 4, sentences
for sentence in sentences:
    assert 'pip install "sharploss[study]"' in sentence, sentence
    print("said", sentence)
