"""What each loss costs: forward and backward, over those of L1 on the same tensors in the same run.

Every shape is measured in both memory layouts, on a CPU also with one thread and with all. Losses take turns, and the
fastest of the rounds counts, so that other work on the machine disturbs the ratios little. Names that end in "released"
are the losses written straight down, as code in circulation has them: convolutions, masks, unfolding. docs/scale.md has
numbers and says what bounds them.
"""

import argparse
import time

import torch
import torch.nn.functional as F

from sharploss.assets import AssetMissingError
from sharploss.losses import build_loss
from sharploss.training.device import choose_device

SHAPES = [(8, 3, 96, 96), (16, 3, 192, 192)]
LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
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
    """Return the seconds of one forward and backward pass."""
    output.grad = None
    start = time.perf_counter()
    loss(output, target).backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def chosen(names, device, compiled):
    """Build the terms by name, leaving out those whose weights cannot be had."""
    losses = {}
    for name in names:
        try:
            losses[name] = build_loss({name: 1}).to(device)
        except AssetMissingError as error:
            print(f"{name} left out: {error.reason}")
        if compiled:
            losses[f"{name} compiled"] = torch.compile(build_loss({name: 1}).to(device))
        if name in RELEASED:
            losses[f"{name} released"] = RELEASED[name]
    return losses


def measure(shape, losses, rounds, device, layout):
    """Return the fastest of `rounds` for each loss, in seconds."""
    output, target = (torch.rand(shape, device=device).contiguous(memory_format=layout) for _ in range(2))
    output.requires_grad_()
    times = {name: [] for name in losses}
    for _ in range(rounds):
        for name, loss in losses.items():
            times[name].append(seconds(loss, output, target, device))
    return {name: min(values) for name, values in times.items()}


def compare(shape, losses, rounds, device):
    """Print what the terms cost on tensors of `shape`, a column per layout and number of threads."""
    most = torch.get_num_threads()
    columns = {}
    for threads in (1,) if device.type == "cuda" else (1, most):
        torch.set_num_threads(threads)
        for name, layout in LAYOUTS.items():
            columns[f"{name}, {threads}"] = measure(shape, losses, rounds, device, layout)
    torch.set_num_threads(most)
    print(f"\n{'x'.join(map(str, shape)):<24}" + "".join(f"{title:>10}" for title in columns))
    print(f"{'l1 (ms)':<24}" + "".join(f"{times['l1'] * 1e3:>10.2f}" for times in columns.values()))
    for name in losses:
        print(f"{name:<24}" + "".join(f"{times[name] / times['l1']:>10.2f}" for times in columns.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also ms_ssim and the losses with a network, 3 rounds each")
    parser.add_argument("--compiled", action="store_true", help="also the cheap ones compiled, which takes minutes")
    arguments, device = parser.parse_args(), choose_device()
    for shape in SHAPES:
        compare(shape, chosen(CHEAP, device, arguments.compiled), ROUNDS, device)
    if arguments.all:
        compare(SHAPES[-1], chosen(("l1", *LARGE), device, False), 3, device)


if __name__ == "__main__":
    main()
