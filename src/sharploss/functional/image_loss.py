"""What all losses of two batches of images have in common: their checks, and the weights that some of them need."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from sharploss.functional.images import check_pair, full_precision

Network = TypeVar("Network", bound=nn.Module)
UNLOADED = "the loss has no weights yet: call its load() before it is compiled as one graph"


class ImageLoss(nn.Module):
    """A loss of restored images against the ground truth: a subclass's `forward` begins with `check`.

    Each has a `forward` of its own: the compiler keeps but a few versions of one function.

    Whatever is called with images that are no floating point (N, 1 or 3, H, W) of one shape, or a target outside
    [0, 1], raises ValueError. On a GPU the target's values are looked at in the first call alone, which waits for it;
    within torch.compile, vmap and a graph's capture never.
    """

    min_size: int = 1  # the side in pixels below which images are too small

    def __init__(self) -> None:
        super().__init__()
        self._called = False

    def check(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return both images in one precision of at least float32, the target as a constant, as `check_pair`."""
        if torch.compiler.is_compiling() or self._called:
            return check_pair(output, target)
        pair = check_pair(output, target, wait=True)
        self._called = True
        return pair


class PretrainedLoss(ImageLoss):
    """A distance of the features of a trained network, whose weights come from the catalogue of assets.

    They are loaded in the first call, onto the images' device, and move with the module from then on; they are no
    parameters and in no state dict. `load` loads them earlier. Within torch.compile(fullgraph=True) and a graph's
    capture no file can be read: call `load` before.
    """

    assets: tuple[str, ...] = ()  # it can do with any one of them, the best first
    network: Any  # what computes the features; None before they are loaded

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.network = "", None

    def load(self) -> None:
        """Load the weights. Raises AssetMissingError where they cannot be had."""
        raise NotImplementedError

    def features(self, images: Tensor) -> Any:
        """Compute what is compared of images (N, 3, H, W) in [0, 1]."""
        raise NotImplementedError

    def distance(self, found: Any, wanted: Any) -> Tensor:
        """Compute the loss of an output's features, a scalar."""
        raise NotImplementedError

    def with_target(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """Read the target's features, once and without gradients; give the loss of an output as a function of it."""
        target = self.check(target, target)[1]
        if self.network is None:
            self._load_onto(target.device)
        device = next((weight.device for weight in self.buffers()), target.device)
        if device != target.device:
            name = type(self).__name__
            raise ValueError(
                f"{name} is on {device} and the images on {target.device}: call its to('{target.device}')."
            )
        with torch.no_grad(), full_precision(target.device.type):
            wanted = self.features(target)

        def compare(output: Tensor) -> Tensor:
            with full_precision(output.device.type):
                return self.distance(self.features(self.check(output, target)[0]), wanted)

        return compare

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, 3, H, W) in [0, 1], against `target`: a scalar, the mean over the batch."""
        return self.with_target(target)(output)

    def _load_onto(self, device: torch.device) -> None:
        if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
            raise RuntimeError(f"{type(self).__name__} has no weights yet: call its load() before capturing a graph.")
        load: Any = self._load_now
        if "torch._dynamo" in sys.modules:  # then the compiler stays out of all that is called from here
            load = cast("Any", torch.compiler.disable)(load)
        load(device)

    def _load_now(self, device: torch.device) -> None:
        with torch.inference_mode(False):  # where gradients are asked for later, its weights have to allow them
            self.load()
            self.to(device)


# As torch.compiler.disable marks it, which would import the compiler, four seconds, wherever losses are built.
vars(PretrainedLoss)["_load_onto"].__dict__.update(_torchdynamo_disable=True, _torchdynamo_disable_msg=UNLOADED)


def freeze(network: Network) -> Network:
    """Turn parameters into constants that move with the module, are not trained and are stored in no checkpoint."""
    for module in network.modules():
        constants = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for name, value in constants.items():
            delattr(module, name)
            module.register_buffer(name, value.detach(), persistent=False)
    return network.eval()
