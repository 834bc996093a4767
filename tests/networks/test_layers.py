import pytest
import torch

from sharploss.networks.layers import check_channels


def test_images_of_the_right_channels_pass():
    check_channels(torch.rand(2, 3, 4, 5), 3)


@pytest.mark.parametrize("shape", [(2, 1, 4, 5), (3, 4, 5), (2, 4, 4, 5)])
def test_others_are_refused_with_their_shape(shape):
    with pytest.raises(ValueError, match=r"images \(N, 3, h, w\), not \(" + str(shape[0])):
        check_channels(torch.rand(shape), 3)
