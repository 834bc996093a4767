"""The examples in docstrings of what others import, run as they are printed."""

import doctest
from importlib import import_module

import pytest

MODULES = {
    f"sharploss.{name}"
    for name in (
        *("losses", "losses.sploss", "losses.gradient_variance", "losses.second_order_gradient"),
        *("metrics.psnr", "metrics.ssim", "data.imresize", "networks"),
    )
}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_examples_give_what_they_say(name):
    module = import_module(name)
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
