import pytest
import torch

from sharploss.losses import TERMS, L1Loss, L2Loss, WeightedSum, build_loss


def gradient(loss, output, target):
    output = output.clone().requires_grad_()
    loss(output, target).backward()
    return output.grad


@pytest.mark.parametrize("name", TERMS)
def test_a_single_term_of_weight_1_is_that_term_bit_for_bit(name, wave_pair):
    loss, term = build_loss({name: 1}), TERMS[name]()
    assert torch.equal(loss(*wave_pair), term(*wave_pair))
    assert torch.equal(gradient(loss, *wave_pair), gradient(term, *wave_pair))


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
    assert torch.equal(loss.weigh(terms), loss(*wave_pair))


def test_a_term_of_weight_0_is_watched_but_not_trained_on(wave_pair):
    loss = build_loss({"l2": 0, "l1": 1})
    output = wave_pair[0].requires_grad_()
    terms = loss.terms(output, wave_pair[1])
    assert not terms["l2"].requires_grad
    assert torch.equal(loss.weigh({**terms, "l2": torch.tensor(torch.inf)}), terms["l1"])


def test_it_computes_without_gradients_where_they_are_off(wave_pair):
    with torch.no_grad():
        assert not build_loss({"l1": 1})(wave_pair[0].requires_grad_(), wave_pair[1]).requires_grad
