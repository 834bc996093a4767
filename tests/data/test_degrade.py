import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharploss.data import degrade, imresize
from sharploss.errors import UserError


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 40), st.integers(4, 40), st.sampled_from([2, 3, 4]))
def test_the_target_is_the_top_left_and_the_input_is_it_shrunk(height, width, scale):
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    before = image.clone()
    target, small = degrade(image, {"kind": "sr", "scale": scale})
    assert target.shape[1] == scale * small.shape[1] == height - height % scale
    assert target.shape[2] == scale * small.shape[2] == width - width % scale
    assert torch.equal(target, image[:, : target.shape[1], : target.shape[2]])
    assert torch.equal(small, imresize(target, 1 / scale))
    assert torch.equal(image, before)


def test_the_nearest_kind_is_named():
    with pytest.raises(UserError, match=r"'srr': did you mean 'sr'\?"):
        degrade(torch.zeros((3, 8, 8), dtype=torch.uint8), {"kind": "srr", "scale": 4})


@pytest.mark.parametrize("scale", [1, 5, "4", None])
def test_other_scales_are_refused(scale):
    with pytest.raises(UserError, match="scale"):
        degrade(torch.zeros((3, 8, 8), dtype=torch.uint8), {"kind": "sr", "scale": scale})


def test_an_image_smaller_than_the_scale_is_refused():
    with pytest.raises(UserError, match="9x3 pixels is too small"):
        degrade(torch.zeros((3, 3, 9), dtype=torch.uint8), {"kind": "sr", "scale": 4})
