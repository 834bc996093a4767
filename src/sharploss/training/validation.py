"""The validation curve: PSNR on whole images that are neither trained nor tested on."""

import torch
from torch import nn

from sharploss.data.pack import Pack
from sharploss.metrics.psnr import psnr


@torch.no_grad()
def validate(network: nn.Module, pack: Pack, *, border: int, device: torch.device) -> float:
    """Give the mean PSNR over the images of `pack` in dB, on luma (protocol `y`), `border` pixels shaved."""
    network.eval()
    values: list[float] = []
    for index in range(len(pack)):
        input, target = (view[None].to(device).float() / 255 for view in (pack.input(index), pack.target(index)))
        values.append(psnr(network(input), target, protocol="y", border=border).item())
    network.train()
    return sum(values) / len(values)
