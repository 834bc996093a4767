import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sharploss.config.loss_spec import ADVERSARIAL
from sharploss.losses import TERMS, AdversarialLoss, build_loss
from sharploss.losses.adversarial import gradient_penalty, linear_discriminator
from sharploss.utils.errors import UserError

SMALL = {"discriminator": "sharpgan", "size": 8, "width": 2}
FORMS = {name: TERMS[name].form for name in ADVERSARIAL}
UNDECIDED = {"gan": 2 * math.log(2), "lsgan": 0.25, "ragan": math.log(2), "sharpgan": 1.0}


def logits(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def bce(values, real):
    return F.binary_cross_entropy_with_logits(values, torch.full_like(values, float(real)))


def images(seed=0, batch=3, size=8, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(batch, 3, size, size, generator=generator, dtype=dtype) for _ in range(2))


def test_params_know_which_terms_have_a_discriminator():
    assert {name for name, term in TERMS.items() if issubclass(term, AdversarialLoss)} == set(ADVERSARIAL)


def test_vanilla_is_binary_cross_entropy():
    real, fake = logits(0.3, -1.2, 2.0), logits(-0.5, 0.1, 1.5)
    assert torch.allclose(FORMS["gan"].generator(real, fake), bce(fake, 1))
    assert torch.allclose(FORMS["gan"].discriminator(real, fake), bce(real, 1) + bce(fake, 0))


def test_relativistic_is_esrgans():
    real, fake = logits(0.3, -1.2, 2.0), logits(-0.5, 0.1, 1.5)
    network = (bce(real - fake.mean(), 0) + bce(fake - real.mean(), 1)) / 2
    judge = (bce(real - fake.mean(), 1) + bce(fake - real.mean(), 0)) / 2
    assert torch.allclose(FORMS["ragan"].generator(real, fake), network)
    assert torch.allclose(FORMS["ragan"].discriminator(real, fake), judge)


def test_least_squares_by_hand():
    real, fake = logits(1.0, 0.0), logits(0.5, -1.0)
    assert FORMS["lsgan"].generator(real, fake).item() == pytest.approx((0.25 + 4) / 4)
    assert FORMS["lsgan"].discriminator(real, fake).item() == pytest.approx((0 + 1) / 4 + (0.25 + 1) / 4)


def test_linear_by_hand():
    real, fake = logits(math.log(3)), logits(-math.log(3))  # D = 3/4 and 1/4
    assert FORMS["sharpgan"].generator(real, fake).item() == pytest.approx(-0.25)
    assert FORMS["sharpgan"].discriminator(real, fake).item() == pytest.approx(0.25 + 1 - 0.75)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_judge_that_cannot_tell_has_a_known_loss(name):
    value = 0.5 if name == "lsgan" else 0.0
    undecided = FORMS[name].discriminator(logits(value, value), logits(value, value)).item()
    assert undecided == pytest.approx(UNDECIDED[name])


@given(
    st.sampled_from(ADVERSARIAL),
    st.lists(st.floats(-3, 0.9), min_size=1, max_size=5),
    st.lists(st.floats(-3, 0.9), min_size=1, max_size=5),
)
def test_the_two_sides_pull_in_opposite_directions(name, first, second):
    real, fake = logits(*first).requires_grad_(), logits(*second).requires_grad_()
    (up,) = torch.autograd.grad(FORMS[name].generator(real, fake), fake)
    assert (up < 0).all()  # the network wants its images judged more real
    for_real, for_fake = torch.autograd.grad(FORMS[name].discriminator(real, fake), (real, fake))
    assert (for_real < 0).all()
    assert for_fake.sum() > 0 or name == "lsgan"


def test_the_linear_form_does_not_reward_being_fooled():
    real, fake = logits(1.0), logits(-1.0)
    assert linear_discriminator(real, fake) < linear_discriminator(fake, real)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_gradients_of_both_sides(name):
    real, fake = logits(0.3, -1.2, 2.0).requires_grad_(), logits(-0.5, 0.1, 1.5).requires_grad_()
    for side in (FORMS[name].generator, FORMS[name].discriminator):
        assert torch.autograd.gradcheck(side, (real, fake))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_side_leaves_the_other_alone(name):
    loss = TERMS[name](**SMALL)
    output, target = images()
    output.requires_grad_()
    loss(output, target).backward()
    assert output.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in loss.discriminator.parameters())
    output.grad = None
    judged, real, fake = loss.discriminator_loss(output, target)
    judged.backward()
    assert output.grad is None
    assert all(parameter.grad is not None for parameter in loss.discriminator.parameters())
    assert real.shape == fake.shape == (3, 1)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_what_the_module_gives_is_its_form_of_the_discriminators_logits(name):
    loss = TERMS[name](**SMALL)
    output, target = images(1)
    with torch.no_grad():
        real, fake = loss.discriminator(target), loss.discriminator(output)
        assert torch.equal(loss(output, target), loss.form.generator(real, fake))
        assert torch.equal(loss.discriminator_loss(output, target)[0], loss.form.discriminator(real, fake))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_real_images_are_judged_for_the_network_only_where_its_loss_looks_at_them(name):
    loss, judged = TERMS[name](**SMALL), []
    loss.discriminator.register_forward_hook(lambda _, inputs, __: judged.append(inputs[0]))
    output, target = images()
    loss(output.requires_grad_(), target)
    assert len(judged) == (2 if name == "ragan" else 1)
    assert judged[-1] is output
    if name == "ragan":
        assert judged[0] is target


def test_the_networks_side_keeps_no_graph_of_the_real_images():
    loss = TERMS["ragan"](**SMALL)
    graphs = []
    loss.discriminator.register_forward_hook(lambda _, __, logits: graphs.append(logits.requires_grad))
    output, target = images()
    loss(output.requires_grad_(), target)
    assert graphs == [False, True]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_float64_images_are_judged_in_the_discriminators_precision(name):
    loss = TERMS[name](**SMALL, r1=1.0)
    output, target = images(dtype=torch.float64)
    assert torch.equal(loss(output, target), loss(output.float(), target.float()))
    loss.discriminator_loss(output, target)[0].backward()
    assert next(loss.discriminator.parameters()).grad is not None


def test_outputs_in_bfloat16_are_judged_in_float32():
    loss = TERMS["gan"](**SMALL)
    output, target = images()
    assert loss(output.bfloat16(), target).dtype == torch.float32


def test_the_penalty_of_a_linear_judge_is_its_squared_weight():
    judge = nn.Linear(12, 1).double()
    inputs = torch.rand(5, 12, dtype=torch.float64, requires_grad=True)
    expected = judge.weight.square().sum()
    penalty = gradient_penalty(judge(inputs), inputs)
    assert torch.allclose(penalty, expected)
    penalty.backward()
    assert torch.allclose(judge.weight.grad, 2 * judge.weight)  # it is trained on, and no mere number


def test_r1_changes_what_the_judge_learns():
    """The gradient of the share is that of the penalty, by central differences along it."""
    torch.manual_seed(0)
    loss = TERMS["gan"](**SMALL, r1=10.0).double()
    output, target = images(dtype=torch.float64)
    weight = loss.discriminator.layers[0].weight

    def penalty():
        inputs = target.clone().requires_grad_()
        return gradient_penalty(loss.discriminator(inputs), inputs)

    loss.discriminator_loss(output, target)[0].backward()
    with_share = weight.grad.clone()
    loss.r1, weight.grad = 0.0, None
    loss.discriminator_loss(output, target)[0].backward()
    share = with_share - weight.grad
    direction = share / share.norm()
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(direction, alpha=sign * 1e-6)
        values.append(penalty().item())
        with torch.no_grad():
            weight.sub_(direction, alpha=sign * 1e-6)
    slope = 5 * (values[0] - values[1]) / 2e-6
    assert (share * direction).sum().item() == pytest.approx(slope, rel=1e-4)
    assert slope > 0


def test_r1_adds_its_share_and_reaches_the_weights():
    torch.manual_seed(0)
    loss = TERMS["gan"](**SMALL, r1=10.0)
    output, target = images()
    total, real, fake = loss.discriminator_loss(output, target)
    inputs = target.clone().requires_grad_()
    penalty = gradient_penalty(loss.discriminator(inputs), inputs)
    assert total.item() == pytest.approx((loss.form.discriminator(real, fake) + 5 * penalty).item(), rel=1e-5)
    assert penalty > 0
    total.backward()


def test_a_patch_of_another_size_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"built for patches of 8x8 pixels, not 16x16: set its size"):
        TERMS["gan"](**SMALL)(*images(size=16))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"discriminator": "vgg182"}, "There is no discriminator 'vgg182': did you mean 'vgg128'?"),
        ({"size": 100}, "size must be one of 32, 64, 128, 256, not 100"),
        ({"discriminator": "srgan", "size": 100}, "size must be a multiple of 16, not 100"),
        ({"steps": 0}, "steps must be an integer of at least 1"),
        ({"r1": -1}, "r1 must be a finite number of at least 0"),
        ({"width": 0}, "width must be an integer of at least 1"),
        ({"stepz": 2}, "There is no parameter 'stepz': did you mean 'steps'?"),
    ],
)
def test_bad_parameters(parameters, told):
    with pytest.raises(UserError) as error:
        build_loss({"l1": 1, "ragan": {"weight": 0.005, **parameters}})
    assert told in str(error.value)


def test_a_composite_loss_names_all_its_terms():
    loss = build_loss({"l1": 0.01, "ragan": {"weight": 0.005, **SMALL}})
    output, target = images()
    terms = loss.terms(output, target)
    assert list(terms) == ["l1", "ragan"]
    assert torch.allclose(loss(output, target), 0.01 * terms["l1"] + 0.005 * terms["ragan"])
    assert loss.spec.model_dump()["ragan"] == {"weight": 0.005, "channels": 3, "r1": 0.0, "steps": 1, **SMALL}
