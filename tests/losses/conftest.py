import pytest
from waves import waves


@pytest.fixture
def wave_pair():
    return waves(0.0), waves(0.5)


@pytest.fixture
def wide_pair():
    """Images that are large enough for every loss."""
    return waves(0.0, 161, 165), waves(0.5, 161, 165)
