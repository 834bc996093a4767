"""No network or discriminator uses an operation that strict deterministic mode refuses on a GPU.

Without a GPU torch refuses nothing, so the operations themselves are watched, forward and backward, and compared with
the list in the documentation of torch.use_deterministic_algorithms.
"""

import pytest
import torch
import torch.nn.functional as F
from test_build_network import SCALES, SMALL, small, stages
from test_discriminators import SMALL as SMALL_DISCRIMINATORS
from watch import Watch

from sharploss.networks import build_discriminator

# The documentation's words, in torch's own names of operations.
REFUSED = {
    "AvgPool3d": ("avg_pool3d_backward",),
    "AdaptiveAvgPool2d": ("_adaptive_avg_pool2d_backward",),
    "AdaptiveAvgPool3d": ("_adaptive_avg_pool3d_backward",),
    "AdaptiveMaxPool2d": ("adaptive_max_pool2d_backward",),
    "FractionalMaxPool2d": ("fractional_max_pool2d_backward",),
    "FractionalMaxPool3d": ("fractional_max_pool3d_backward",),
    "MaxUnpool1d": ("max_unpool2d",),
    "MaxUnpool2d": ("max_unpool2d",),
    "MaxUnpool3d": ("max_unpool3d",),
    "interpolate": (
        "upsample_linear1d_backward",
        "upsample_bilinear2d_backward",
        "_upsample_bilinear2d_aa_backward",
        "upsample_bicubic2d_backward",
        "_upsample_bicubic2d_aa_backward",
        "upsample_trilinear3d_backward",
    ),
    "ReflectionPad1d": ("reflection_pad1d_backward",),
    "ReflectionPad2d": ("reflection_pad2d_backward",),
    "ReflectionPad3d": ("reflection_pad3d_backward",),
    "NLLLoss": ("nll_loss_forward", "nll_loss2d_forward", "nll_loss2d_backward"),
    "CTCLoss": ("_ctc_loss_backward",),
    "EmbeddingBag": ("_embedding_bag_dense_backward",),
    "put_": ("put_", "put"),
    "histc": ("histc",),
    "bincount": ("bincount",),
    "median": ("median",),
    "grid_sample": ("grid_sampler_2d_backward", "grid_sampler_3d_backward"),
    "cumsum": ("cumsum", "cumsum_"),
    "scatter_reduce": ("scatter_reduce", "scatter_reduce_"),
    "resize_": ("resize_",),
}
# Not in that list, though they are not deterministic on a GPU either or were refused by earlier versions of torch.
ALSO = ("replication_pad2d_backward", "upsample_nearest2d_backward", "max_pool2d_with_indices_backward")
NAMES = {name for names in REFUSED.values() for name in names} | set(ALSO)


def operations(compute):
    """The names of all operations of a forward and a backward pass."""
    with Watch() as watch:
        compute().backward()
    return watch.names


def test_the_list_is_that_of_the_installed_torch(repository):
    version = torch.__version__.split("+")[0]
    if f"\ntorch=={version} " not in (repository / "requirements.lock").read_text():
        pytest.skip(f"the list is that of the locked torch, and this is {version}")
    text = torch.use_deterministic_algorithms.__doc__.split(":class:`RuntimeError` when ``mode=True``:")[1]
    text = text.split("In addition, several operations")[0]
    lines = [line.split("`")[1] for line in text.splitlines() if line.strip().startswith("* :")]
    assert {line.split(".")[-1] for line in lines} == REFUSED.keys()


@pytest.mark.parametrize("name", SMALL)
def test_networks_use_no_refused_operation(name):
    for scale in SCALES[name]:
        network = small(name, scale=scale).train()
        for size in ((8, 8), (5, 3)):  # one that need not be padded, one that must
            found = operations(lambda: stages(network(torch.rand(2, 3, *size))).abs().mean())  # noqa: B023
            assert "convolution_backward" in found, (scale, size)
            assert not found & NAMES, (scale, size)


def test_nor_does_srresnet_without_batch_norm():
    network = small("srresnet", batch_norm=False)
    found = operations(lambda: network(torch.rand(2, 3, 9, 8)).abs().mean())
    assert "convolution_backward" in found
    assert not found & NAMES


@pytest.mark.parametrize("name", SMALL_DISCRIMINATORS)
def test_discriminators_use_no_refused_operation(name):
    network = build_discriminator(name, **SMALL_DISCRIMINATORS[name])
    # Gradients also flow into the images, to the generator.
    images = torch.rand(2, 3, network.size, network.size, requires_grad=True)
    found = operations(lambda: network(images).mean())
    assert "convolution_backward" in found
    assert not found & NAMES


@pytest.mark.parametrize(
    ("compute", "name"),
    [
        (lambda x: F.adaptive_avg_pool2d(x, 2), "_adaptive_avg_pool2d_backward"),
        (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), "upsample_bilinear2d_backward"),
        (lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), "upsample_bicubic2d_backward"),
        (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), "reflection_pad2d_backward"),
        (lambda x: F.pad(x, (1, 1, 1, 1), mode="replicate"), "replication_pad2d_backward"),
        (lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), "upsample_nearest2d_backward"),
        (lambda x: x.cumsum(2), "cumsum"),
        (lambda x: x.median(2).values, "median"),
        (lambda x: F.grid_sample(x, torch.zeros(1, 2, 2, 2), align_corners=False), "grid_sampler_2d_backward"),
    ],
)
def test_refused_operations_would_be_found(compute, name):
    images = torch.rand(1, 3, 6, 6, requires_grad=True)
    assert operations(lambda: compute(images).sum()) & NAMES == {name}
