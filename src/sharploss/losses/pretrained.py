"""What losses on a trained network have in common: their weights come from the catalogue of assets."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Pretrained(Protocol):
    """A loss term that needs weights from the catalogue.

    Attributes:
        assets: the assets it can do with, any one of them, the best first.
        backbone: what was loaded, for the record; "" before.
    """

    assets: tuple[str, ...]
    backbone: str

    def load(self) -> None:
        """Load the weights. Raises AssetMissingError where they cannot be had."""
        ...
