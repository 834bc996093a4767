import pytest

from toy_training import configuration, open_packs, write_packs


@pytest.fixture(scope="session")
def packs(tmp_path_factory):
    """A tiny x2 study: three random smooth images to train on, one to validate on."""
    folder = tmp_path_factory.mktemp("packs")
    write_packs(folder)
    return open_packs(folder)


@pytest.fixture
def config():
    """A resolved run that trains in a moment, as plain values: `toy_training.typed` makes a RunConfig of it."""
    return configuration(steps=12)
