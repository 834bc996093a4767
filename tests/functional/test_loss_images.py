import pytest
import torch

from sharploss.functional.colour import grey, in_channels
from sharploss.functional.images import check_pair, check_size


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        (torch.float16, torch.float16, torch.float32),
        (torch.bfloat16, torch.float32, torch.float32),
        (torch.bfloat16, torch.float16, torch.float32),
        (torch.float32, torch.float64, torch.float64),
    ],
)
def test_a_checked_pair_has_one_precision_of_float32_at_least(first, second, common):
    output, target = check_pair(torch.rand(1, 3, 4, 4, dtype=first), torch.rand(1, 3, 4, 4, dtype=second))
    assert output.dtype == target.dtype == common


def test_check_pair_hands_float32_images_through_uncopied():
    output, target = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    assert check_pair(output, target)[0] is output
    assert check_pair(output, target)[1] is target


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 3, 4, 4), (1, 1, 4, 4)])
def test_shapes_that_would_broadcast_are_refused(shape):
    with pytest.raises(ValueError, match="one shape"):
        check_pair(torch.rand(1, 3, 4, 4), torch.rand(shape))


def test_grey_weighs_the_channels_as_bt601():
    image = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    assert grey(image).item() == pytest.approx(0.2989 + 2 * 0.5870 + 4 * 0.1140)


def test_one_channel_is_grey_already_and_two_are_refused():
    image = torch.rand(1, 1, 2, 2)
    assert in_channels(image, "grey") is image
    with pytest.raises(ValueError, match="1 or 3 channels"):
        in_channels(torch.rand(1, 2, 2, 2), "grey")


def test_in_channels_turns_grey_only_when_asked():
    image = torch.rand(1, 3, 2, 2)
    assert in_channels(image, "rgb") is image
    assert torch.equal(in_channels(image, "grey"), grey(image))


def test_check_size_names_the_need():
    check_size(torch.rand(1, 3, 8, 8), 8, "a patch")
    with pytest.raises(ValueError, match=r"^a patch needs images of at least 8x8 pixels, not 9x7$"):
        check_size(torch.rand(1, 3, 9, 7), 8, "a patch")
