"""Weights that are used where they are here, and that measuring never downloads: some are too large for that."""

from pathlib import Path

from sharploss.assets.fetch import AssetMissingError, locate, present


def at_hand(name: str) -> Path:
    """Find the one file of an asset in the cache or a mirror, and check its sha256.

    Raises:
        AssetMissingError: it is in neither; the message says how to fetch it.
    """
    if present(name) is None:
        reason = f"{name} is in neither the cache nor a mirror: 'python -m sharploss data fetch {name}' downloads it"
        raise AssetMissingError(f"{reason}.", reason)
    return locate(name)[0]
