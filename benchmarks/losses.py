"""What each loss costs: forward and backward, over those of L1 on the same tensors in the same run.

The tensors are those of a training step: channels-last on a CPU. Losses take turns, and the fastest of the rounds
counts, so that other work on the machine disturbs the ratio little.
"""

import time

import torch

from sharploss.losses import build_loss
from sharploss.params import load_params
from sharploss.training.device import choose_device, memory_format

SHAPES = [(8, 3, 96, 96), (16, 3, 192, 192)]
ROUNDS = 15


def seconds(loss, output, target, device):
    """Seconds of one forward and backward pass."""
    start = time.perf_counter()
    loss(output, target).backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main():
    device, specs = choose_device(), load_params().losses
    layout = memory_format(device, "exact")
    for shape in SHAPES:
        output, target = (torch.rand(shape, device=device).contiguous(memory_format=layout) for _ in range(2))
        output.requires_grad_()
        losses = {name: build_loss(spec).to(device) for name, spec in specs.items() if "_a" not in name}
        times = {name: [] for name in losses}
        for _ in range(ROUNDS):
            for name, loss in losses.items():
                times[name].append(seconds(loss, output, target, device))
        base = min(times["l1"])
        print(f"\n{'x'.join(map(str, shape))}, L1 {base * 1e3:.2f} ms")
        for name, values in times.items():
            print(f"{name:<18}{min(values) / base:>8.2f}")


if __name__ == "__main__":
    main()
