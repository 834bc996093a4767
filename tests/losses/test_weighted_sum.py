import pytest
import torch
from backbone import loaded

from sharploss.config.loss_spec import ADVERSARIAL
from sharploss.losses import TERMS, L1Loss, L2Loss, TextureLoss, VGGLoss, WeightedSum, build_loss
from sharploss.losses.vgg_features import VGGFeatures, shared_backbones
from sharploss.losses.weighted_sum import Terms
from sharploss.utils.errors import UserError


def gradient(loss, output, target):
    output = output.clone().requires_grad_()
    loss(output, target).backward()
    return output.grad


@pytest.mark.parametrize(
    "name", [name for name, term in TERMS.items() if not hasattr(term, "assets") and name not in ADVERSARIAL]
)
def test_a_single_term_of_weight_1_is_that_term_bit_for_bit(name, wide_pair):
    loss, term = build_loss({name: 1}), TERMS[name]()
    assert torch.equal(loss(*wide_pair), term(*wide_pair))
    assert torch.equal(gradient(loss, *wide_pair), gradient(term, *wide_pair))


def test_stages_are_summed(wave_pair):
    output, target = wave_pair
    loss = build_loss({"l1": 2, "gv": 0.5})
    expected = loss(output, target) + loss(output / 2, target)
    torch.testing.assert_close(loss((output, output / 2), target), expected)


def test_the_sum_is_weighted_and_the_terms_are_not(wave_pair):
    loss = WeightedSum({"l1": L1Loss(), "l2": L2Loss()}, {"l1": 2.0, "l2": 0.5})
    terms = loss.terms(*wave_pair)
    assert torch.equal(terms["l1"], L1Loss()(*wave_pair))
    assert torch.equal(terms["l2"], L2Loss()(*wave_pair))
    assert torch.equal(loss(*wave_pair), 2 * terms["l1"] + 0.5 * terms["l2"])
    assert torch.equal(terms.total, loss(*wave_pair))


def test_weighted_gives_each_part_by_name_and_their_sum_is_the_loss(wave_pair):
    loss = build_loss({"l1": 2, "l2": 0, "gv": 0.5})
    terms = loss.terms(*wave_pair)
    parts = terms.weighted
    assert list(parts) == list(terms) == ["l1", "l2", "gv"]
    assert torch.equal(parts["l1"], 2 * terms["l1"])
    assert terms["l2"] > 0
    assert parts["l2"] == 0
    assert torch.equal(parts["l1"] + parts["gv"], loss(*wave_pair))


class Counted(torch.nn.Module):
    """A term that counts how often it reads a target."""

    backbone = "counted"

    def __init__(self):
        super().__init__()
        self.reads = 0

    def with_target(self, target):
        self.reads += 1
        return lambda output: (output - target).abs().mean()


def test_a_term_that_reads_the_target_does_so_once_for_all_stages(wave_pair):
    output, target = wave_pair
    term = Counted()
    loss = WeightedSum({"counted": term, "l1": L1Loss()}, {"counted": 1.0, "l1": 1.0})
    terms = loss.terms((output, output / 2, output / 4), target)
    assert term.reads == 1
    assert torch.equal(terms["counted"], terms["l1"])


@pytest.fixture
def sharpgans_features():
    """Perceptual and texture term on two layers that they share and one each of their own, random weights."""
    terms = {
        "vgg": loaded(VGGLoss({"pool1": 1, "conv2_2": 0.5}, criterion="l2")),
        "texture": loaded(TextureLoss({"pool1": 1, "relu1_1": 2}, patch=4)),
    }
    return WeightedSum(terms, {"vgg": 1.0, "texture": 3.0})


def test_terms_on_one_network_read_each_image_once(sharpgans_features, wave_pair, monkeypatch):
    loss, (output, target) = sharpgans_features, (image.clone() for image in wave_pair)
    found = []
    for step in range(2):
        if step:
            loss.shared = shared_backbones(loss.losses.values())
        image = output.clone().requires_grad_()
        read, forward = [], VGGFeatures._features
        monkeypatch.setattr(VGGFeatures, "_features", lambda self, x, f=forward, r=read: r.append(x) or f(self, x))
        terms = loss.terms((image, image * 0.9), target)
        monkeypatch.setattr(VGGFeatures, "_features", forward)
        terms.total.backward()
        found.append((len(read), terms["vgg"].detach(), terms["texture"].detach(), image.grad))
    assert [count for count, *_ in found] == [6, 3]
    for apart, together in zip(found[0][1:], found[1][1:], strict=True):
        torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-7)


def test_features_are_forgotten_after_each_loss(sharpgans_features, wave_pair):
    loss = sharpgans_features
    loss.shared = shared_backbones(loss.losses.values())
    loss.terms(*wave_pair)
    assert [network.known for network in loss.shared] == [None]
    with pytest.raises(ValueError, match="must have one shape"):
        loss.terms(wave_pair[0][..., 1:], wave_pair[1])
    assert loss.shared[0].known is None


def test_a_watched_term_does_not_take_the_graph_from_another(sharpgans_features, wave_pair):
    loss = WeightedSum(dict(sharpgans_features.losses.items()), {"vgg": 0.0, "texture": 1.0})
    loss.shared = shared_backbones(loss.losses.values())
    output = wave_pair[0].clone().requires_grad_()
    loss(output, wave_pair[1]).backward()
    assert output.grad.abs().sum() > 0


def test_features_of_different_kinds_are_not_shared():
    terms = [loaded(VGGLoss({"pool1": 1})), loaded(TextureLoss({"pool1": 1}, ceil_mode=True))]
    assert shared_backbones(terms) == []
    assert terms[0].network is not terms[1].network


def test_half_precision_is_turned_into_float32_once(wave_pair):
    seen = []

    class Seeing(torch.nn.Module):
        def forward(self, output, target):
            seen.append(output)
            return (output - target).abs().mean()

    loss = WeightedSum({"a": Seeing(), "b": Seeing()}, {"a": 1.0, "b": 1.0})
    loss.terms(wave_pair[0].bfloat16(), wave_pair[1])
    assert seen[0] is seen[1]
    assert seen[0].dtype == torch.float32


def test_it_names_the_weights_that_were_loaded():
    loss = WeightedSum({"counted": Counted(), "l1": L1Loss()}, {"counted": 1.0, "l1": 1.0})
    assert loss.backbones == {"counted": "counted"}


def test_a_term_of_weight_0_is_watched_but_not_trained_on(wave_pair):
    loss = build_loss({"l2": 0, "l1": 1})
    output = wave_pair[0].requires_grad_()
    terms = loss.terms(output, wave_pair[1])
    assert not terms["l2"].requires_grad
    ruined = Terms({**terms, "l2": torch.tensor(torch.nan)}, loss.weights)
    assert torch.equal(ruined.total, terms["l1"])
    assert ruined.weighted["l2"] == 0


def test_it_computes_without_gradients_where_they_are_off(wave_pair):
    with torch.no_grad():
        assert not build_loss({"l1": 1})(wave_pair[0].requires_grad_(), wave_pair[1]).requires_grad


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, r"losses and weights must have the same names, not \['l1'\] and \[\]"),
        ({"l1": float("nan")}, "the weight of l1 must be a finite number of at least 0, not nan"),
        ({"l1": -1.0}, "the weight of l1 must be a finite number of at least 0, not -1.0"),
        ({"l1": 0.0}, "one of the weights must be above 0"),
    ],
)
def test_weights_that_make_no_loss_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        WeightedSum({"l1": L1Loss()}, weights)


@pytest.mark.parametrize("output", [[], (), None, 0.5, [[0.5]], {"a": 1}, [torch.zeros(1, 3, 8, 8), None], "ab"])
def test_what_are_no_stages_is_refused(wave_pair, output):
    with pytest.raises(UserError, match="output must be a torch tensor"):
        build_loss({"l1": 1}).terms(output, wave_pair[1])
