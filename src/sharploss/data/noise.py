"""Random numbers for degradations: a pure function of a seed and an image's name, on every machine."""

import hashlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def uniform(seed: int, name: str, count: int) -> Floats:
    """Draw `count` numbers in (0, 1), keyed by a seed and an image's name.

    Philox's raw stream is taken, because numpy's own distributions may change from version to version.
    """
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    key = np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)
    raw = np.random.Philox(key=key).random_raw(count) >> np.uint64(11)
    return (raw.astype(np.float64) + 0.5) * 2.0**-53


def normal(seed: int, name: str, shape: tuple[int, ...]) -> Floats:
    """Draw N(0, 1) numbers of `shape`, keyed by a seed and an image's name (Box-Muller).

    Logarithm and cosine may differ in their last bit from one processor to another, which rounding to 8 bits hides in
    all but about one data set of photographs in a thousand.
    """
    count = int(np.prod(shape))
    first, second = uniform(seed, name, 2 * count).reshape(2, count)
    return (np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)).reshape(shape)
