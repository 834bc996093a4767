"""What is no image is refused in one sentence by every loss, metric and degradation, and what is one is accepted."""

import functools
import re

import numpy as np
import pytest
import torch
from torch.func import grad, vmap

from sharploss.data import degrade, imresize
from sharploss.evaluation.restore import restore
from sharploss.functional.images import HALF_LEVEL, check_pair
from sharploss.losses import TERMS
from sharploss.metrics import METRICS, CachedImage, psnr

SIDE = 176  # MS-SSIM needs 161
PLAIN = sorted(name for name, term in TERMS.items() if not hasattr(term, "assets") and not hasattr(term, "form"))
LOSSES = {name: (lambda output, target, name=name: TERMS[name]()(output, target)) for name in PLAIN}
LOSSES["lsgan"] = TERMS["lsgan"]("sharpgan", width=1, size=SIDE)
MEASURES = {
    name: (lambda output, target, load=METRICS[name]: load()(output, target, "y", 0))
    for name in METRICS
    if "lpips" not in name and name != "niqe"
}
each_loss = pytest.mark.parametrize("compare", LOSSES.values(), ids=LOSSES)
each_metric = pytest.mark.parametrize("compare", MEASURES.values(), ids=MEASURES)


@functools.cache
def levels():
    """Two images of 8 bits, (1, 3, SIDE, SIDE), that a slight blur tells apart."""
    ramp = torch.linspace(0, 6, SIDE)
    image = torch.stack([(ramp[:, None] * (k + 1) + ramp.sin() * 4).sin() for k in range(3)])[None] * 120 + 127.5
    return image.roll(1, -1).mul(0.9).add(6).round().byte(), image.round().byte()


def pair():
    return tuple(image / 255 for image in levels())


def both(change):
    return lambda output, target: (change(output), change(target))


def only_target(change):
    return lambda output, target: (output, change(target))


# What may be done to a pair of float images in [0, 1] so that it is none any more.
WRONG_SHAPE = {
    "no batch": both(lambda image: image[0]),
    "no channel": both(lambda image: image[:, 0]),
    "channels last": both(lambda image: image.permute(0, 2, 3, 1)),
    "one image, channels last": both(lambda image: image[0].permute(1, 2, 0)),
    "video": both(lambda image: image[None]),
    "two channels": both(lambda image: image[:, :2]),
    "alpha": both(lambda image: torch.cat([image, image[:, :1]], 1)),
    "no image": both(lambda image: image[:0]),
    "no pixel": both(lambda image: image[..., :0]),
    "another size": only_target(lambda image: image[..., 1:]),
    "another batch": only_target(lambda image: image.expand(2, -1, -1, -1)),
    "another device": only_target(lambda image: image.to("meta")),
}
WRONG_TYPE = {
    "numpy": both(lambda image: image.numpy()),
    "numpy target": only_target(lambda image: image.numpy()),
    "list": both(lambda image: image.tolist()),
    "none": only_target(lambda _: None),
    "int64": both(lambda image: (image * 255).long()),
    "int32": only_target(lambda image: (image * 255).int()),
    "int8": both(lambda image: (image * 127).char()),
    "uint16": both(lambda image: (image * 65535).to(torch.uint16)),
    "bool": both(lambda image: image > 0.5),
    "complex": both(lambda image: image + 0j),
    "sparse": both(lambda image: image.to_sparse()),
    "sparse target": only_target(lambda image: image.to_sparse()),
    "packed": both(lambda image: image.to_mkldnn()),
    "nested": both(lambda image: torch.nested.nested_tensor(list(image), layout=torch.jagged)),
    "8-bit floats": both(lambda image: image.to(torch.float8_e4m3fn)),
}
WRONG_RANGE = {
    "[0, 255]": both(lambda image: image * 255),
    "target [0, 255]": only_target(lambda image: image * 255),
    "[-1, 1]": both(lambda image: image * 2 - 1),
    "target [-1, 1]": only_target(lambda image: image * 2 - 1),
    "half [-1, 1]": both(lambda image: (image * 2 - 1).half()),
    "[0, 65535]": both(lambda image: image.double() * 65535),
    "[-0.5, 0.5]": both(lambda image: image - 0.5),
    "ImageNet's": both(lambda image: (image - 0.45) / 0.23),
    "nan": only_target(lambda image: image.masked_fill(image > 0.9, torch.nan)),
    "infinite": only_target(lambda image: image.masked_fill(image > 0.9, torch.inf)),
}
WRONG = {**WRONG_SHAPE, **WRONG_TYPE, **WRONG_RANGE}


@functools.cache
def wrong_pairs():
    """What WRONG makes of the images, by case; made once, for nothing here changes them."""
    return {case: change(*pair()) for case, change in WRONG.items()}


def refusal(compare, images):
    """What the comparison says of what is no pair of images; "" where it takes them."""
    try:
        compare(*images)
    except ValueError as error:
        return str(error)
    return ""


def refused(compare, images, case=""):
    assert re.fullmatch(r"[^\n]*(output|target)[^\n]*\.", refusal(compare, images)), case


@each_loss
def test_a_loss_refuses_what_is_no_pair_of_images(compare):
    for case, images in wrong_pairs().items():
        refused(compare, images, case)


@each_metric
def test_a_metric_refuses_images_without_values_and_works_on(compare):
    before = compare(*pair())
    refused(compare, tuple(image.to("meta") for image in pair()))
    torch.testing.assert_close(compare(*pair()), before, equal_nan=True)


@each_loss
def test_a_loss_refuses_bytes(compare):
    refused(compare, levels())


@each_metric
def test_a_metric_refuses_what_is_no_pair_of_images(compare):
    for case, images in wrong_pairs().items():
        refused(compare, images, case)


@each_metric
def test_a_metric_refuses_an_output_that_is_not_finite(compare):
    output, target = pair()
    for value in (torch.nan, torch.inf, -torch.inf):
        output[0, 1, 9, 9] = value
        refused(compare, (output, target), value)


@each_metric
def test_a_metric_refuses_an_output_of_another_range(compare):
    refused(compare, (pair()[0] * 255, pair()[1]))


@each_metric
def test_bytes_floats_and_their_mixtures_have_one_value(compare):
    expected = compare(*pair()).item()
    float_pair, byte_pair = pair(), levels()
    for output in (float_pair[0], float_pair[0].double(), byte_pair[0]):
        for target in (float_pair[1], float_pair[1].double(), byte_pair[1]):
            assert compare(output, target).item() == expected


@each_metric
def test_an_output_may_overshoot_and_counts_as_clamped(compare):
    output, target = pair()
    far = (output - 0.5) * 3 + 0.5
    assert compare(far, target).item() == compare(far.clamp(0, 1), target).item()


@each_loss
def test_an_output_may_be_anywhere_and_nan_shows(compare):
    output, target = pair()
    assert compare(output * 1000 - 500, target).isfinite()
    assert compare(output * torch.nan, target).isnan()


def test_a_target_may_leave_the_range_by_less_than_rounding_shows():
    output, target = pair()
    for shift in (HALF_LEVEL * 0.99, -HALF_LEVEL * 0.99):
        moved = target + shift
        assert psnr(output, moved).item() == psnr(output, target).item()
        check_pair(output, moved)


def test_one_channel_is_enough_for_losses_alone():
    output, target = (image[:, :1] for image in pair())
    for name in ("l1", "ssim", "gv", "sploss"):
        assert TERMS[name]()(output, target) > 0
    refused(psnr, (output, target))


def test_a_target_that_was_changed_in_place_is_looked_at_again():
    output, target = pair()
    loss = TERMS["l1"]()
    loss(output, target)
    loss(output, target)
    target.mul_(255)
    refused(loss, (output, target))


def test_the_terms_of_a_sum_look_at_a_target_once(monkeypatch):
    from sharploss.functional import images
    from sharploss.losses import build_loss

    looked, look = [], images.value_range
    monkeypatch.setattr(images, "value_range", lambda image: looked.append(image) or look(image))
    build_loss({"l1": 1, "ssim": 1, "gv": 1})(*pair())
    assert len(looked) == 1


def test_elsewhere_than_on_a_cpu_a_target_is_looked_at_in_the_first_call_alone(monkeypatch):
    from sharploss.functional import images

    looked, look = [], images.value_range
    monkeypatch.setattr(images, "value_range", lambda image: looked.append(image) or look(image))
    loss = TERMS["l1"]()
    for _ in range(3):
        loss(*(image.to("meta") for image in pair()))
    assert len(looked) == 1


def test_metrics_on_trained_networks_refuse_too_before_they_look(monkeypatch):
    from sharploss.metrics import fid, lpips, niqe

    for module, name, value in (
        (lpips, "read_weights", lambda _: ("", {})),
        (lpips, "build_lpips", lambda *_: torch.nn.Identity()),
        (fid, "local_only", lambda _: None),
        (fid, "build_inception", lambda _: torch.nn.Identity()),
        (niqe, "locate", lambda _: [None]),
        (niqe, "_pristine", lambda _: (None, None)),
    ):
        monkeypatch.setattr(module, name, value)
    distance, features, quality = lpips.load_lpips(), fid.load_fid(), niqe.load_niqe()
    for case, (output, target) in wrong_pairs().items():
        refused(distance, (output, target), case)
        if not isinstance(output, torch.Tensor):
            refused(lambda image, _: features(image), (output, target), case)
            refused(lambda image, _: quality(image, 4), (output, target), case)


def test_transforms_and_compiled_code_check_shapes_alone():
    output, target = pair()
    loss = TERMS["l1"]()
    stacked = torch.stack([output, output]), torch.stack([target, target])
    assert torch.equal(vmap(loss)(*stacked), torch.stack([loss(output, target)] * 2))
    assert grad(loss)(output, target).shape == output.shape
    with pytest.raises(ValueError, match="target must be"):
        vmap(loss)(stacked[0], stacked[1].long())
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    assert torch.equal(compiled(output, target), loss(output, target))


def test_inference_tensors_are_looked_at_too():
    with torch.inference_mode():
        refused(TERMS["l1"](), [image * 255 for image in pair()])
        TERMS["l1"]()(*pair())


BYTES = {
    "numpy": lambda image: image.numpy(),
    "floats": lambda image: image / 255,
    "int64": lambda image: image.long(),
    "channels last": lambda image: image.permute(1, 2, 0),
    "no channel": lambda image: image[0],
    "alpha": lambda image: torch.cat([image, image[:1]]),
    "no pixel": lambda image: image[:, :0],
}
TASKS = (
    {"kind": "sr", "scale": 4},
    {"kind": "sharpen", "sigma": 1.5},
    {"kind": "denoise", "sigma": 25, "colour": "rgb", "seed": 0},
    {"kind": "jpeg", "quality": 10, "colour": "rgb"},
    {"kind": "deblur", "blur": "motion", "length": 5, "seed": 0},
)


@pytest.mark.parametrize("change", BYTES.values(), ids=BYTES)
def test_what_makes_inputs_takes_bytes_channels_first_alone(change):
    image = change(levels()[1][0])
    calls = [lambda task=task: degrade(image, task, "set/a") for task in TASKS]
    calls += [lambda: imresize(image, 0.5), lambda: restore(torch.nn.Conv2d(3, 3, 1), image)]
    for call in calls:
        with pytest.raises(
            ValueError, match=r"image must be a torch tensor \((3|..., 1 or 3), H, W\), uint8, "
        ) as error:
            call()
        assert re.fullmatch(r"[^\n]+\.", str(error.value))


def test_a_published_input_is_checked_like_its_target():
    image = levels()[1][0]
    task = {"kind": "deblur", "blur": "pairs"}
    for given in (image / 255, image.permute(1, 2, 0), np.zeros((3, 176, 176), np.uint8)):
        with pytest.raises(ValueError, match=r"input must be a torch tensor \(3, H, W\), uint8"):
            degrade(image, task, "set/a", given)


def test_an_image_that_metrics_cache_is_checked_when_it_is_made():
    for wrong in (levels()[1].long(), levels()[1][0], levels()[1].numpy()):
        with pytest.raises(ValueError, match=r"measured must be a torch tensor \(N, 3, H, W\), uint8 or floating"):
            CachedImage(wrong)
