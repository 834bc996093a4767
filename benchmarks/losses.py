"""What each loss costs: forward and backward, over those of L1 on the same tensors in the same run.

The tensors are those of a training step: channels-last on a CPU, there with one thread. Losses take turns, and the
fastest of the rounds counts, so that other work on the machine disturbs the ratios little. Names that end in "released"
are the losses written straight down, as code in circulation has them: convolutions, masks, unfolding.

What bounds them on a CPU: L1 passes over its tensors seven times and waits for memory. sploss, second_order and tv need
10 to 15 passes, but over blocks that stay in the cache. gv adds to that two grey images, four Sobel filters and two
adjoint ones, 60 passes over a third of the values. ssim and ms_ssim blur four images, and three of their gradients,
with 11 taps along two axes. Losses with a network (vgg, texture, lpips) are bound by its convolutions.
"""

import argparse
import time

import torch
import torch.nn.functional as F

from sharploss.assets import AssetMissing
from sharploss.losses import build_loss
from sharploss.training.device import choose_device, memory_format

SHAPES = [(8, 3, 96, 96), (16, 3, 192, 192)]
ROUNDS = 40
CHEAP = ("l1", "l2", "charbonnier", "sploss", "second_order", "tv", "gv", "edge", "ssim")
LARGE = ("ms_ssim", "vgg", "texture", "lpips")

LAPLACIAN = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
SOBEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
GREY = torch.tensor([0.2989, 0.5870, 0.1140])


def filtered(images, kernel, mode="replicate"):
    """Filter each channel with a 3x3 kernel, by convolution."""
    channels = images.shape[1]
    padded = F.pad(images, (1, 1, 1, 1), mode=mode)
    return F.conv2d(padded, kernel.to(images).expand(channels, 1, 3, 3), groups=channels)


def sploss_released(output, target, alpha=2):
    error, edges = output - target, filtered(target, LAPLACIAN)
    blurred = ((edges > 0) & (error > 0)) | ((edges <= 0) & (error <= 0))
    mask = torch.where(blurred, edges.abs(), torch.zeros_like(edges))
    return ((1 + alpha * mask) * error.abs()).mean()


def second_order_released(output, target):
    return F.l1_loss(filtered(output, LAPLACIAN), filtered(target, LAPLACIAN))


def tv_released(output, _):
    across = (output[..., 1:] - output[..., :-1]).pow(2).sum()
    return 1e-8 * (across + (output[..., 1:, :] - output[..., :-1, :]).pow(2).sum())


def gv_released(output, target, patch=8):
    unfold, total = torch.nn.Unfold(patch, stride=patch), 0
    grey = [(images * GREY.to(images).view(1, 3, 1, 1)).sum(1, keepdim=True) for images in (output, target)]
    for kernel in (SOBEL, -SOBEL.mT):
        variances = [unfold(filtered(images, kernel, "constant")).var(dim=1) for images in grey]
        total = total + F.mse_loss(*variances)
    return total


RELEASED = {"sploss": sploss_released, "second_order": second_order_released, "tv": tv_released, "gv": gv_released}


def seconds(loss, output, target, device):
    """Seconds of one forward and backward pass; on a CPU those that it worked, whatever else the machine did."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    output.grad = None
    start = clock()
    loss(output, target).backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def chosen(names, device):
    """Build the terms by name, leaving out those whose weights cannot be had."""
    losses = {}
    for name in names:
        try:
            losses[name] = build_loss({name: 1}).to(device)
        except AssetMissing as error:
            print(f"{name} left out: {error.reason}")
        if name in RELEASED:
            losses[f"{name} released"] = RELEASED[name]
    return losses


def compare(shape, names, rounds, device):
    """Print what the terms cost on tensors of `shape`."""
    layout = memory_format(device, "exact")
    output, target = (torch.rand(shape, device=device).contiguous(memory_format=layout) for _ in range(2))
    output.requires_grad_()
    losses = chosen(names, device)
    times = {name: [] for name in losses}
    for _ in range(rounds):
        for name, loss in losses.items():
            times[name].append(seconds(loss, output, target, device))
    base = min(times["l1"])
    print(f"\n{'x'.join(map(str, shape))}, L1 {base * 1e3:.2f} ms")
    for name, values in times.items():
        print(f"{name:<24}{min(values) / base:>8.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also ms_ssim and the losses with a network, 3 rounds each")
    arguments, device = parser.parse_args(), choose_device()
    torch.set_num_threads(1)
    for shape in SHAPES:
        compare(shape, CHEAP, ROUNDS, device)
    if arguments.all:
        compare(SHAPES[-1], ("l1", *LARGE), 3, device)


if __name__ == "__main__":
    main()
