import pytest

from sharploss.config.loss_spec import LossSpec, Term, parse_loss
from sharploss.utils.errors import UserError


def test_a_number_is_a_weight_and_a_mapping_has_parameters_beside_it():
    loss = parse_loss({"l1": 1, "gv": {"weight": 0.01, "patch": 8}, "sploss": {"alpha": 2}})
    assert list(loss.terms) == ["l1", "gv", "sploss"]
    assert loss.weights == {"l1": 1.0, "gv": 0.01, "sploss": 1.0}
    assert [term.parameters for term in loss.terms.values()] == [{}, {"patch": 8}, {"alpha": 2}]


def test_both_ways():
    loss = parse_loss({"l1": 1, "gv": {"patch": 8}})
    plain = loss.model_dump(mode="json")
    assert plain == {"l1": {"weight": 1.0}, "gv": {"weight": 1.0, "patch": 8}}
    assert parse_loss(plain) == loss
    assert parse_loss(loss) is loss


def test_terms_are_updated_in_a_copy():
    loss = parse_loss({"l1": 1, "gan": {"weight": 0.1, "width": 8}})
    other = loss.updated(gan=loss.terms["gan"].updated(size=64))
    assert other.model_dump() == {"l1": {"weight": 1.0}, "gan": {"weight": 0.1, "width": 8, "size": 64}}
    assert loss.terms["gan"] == Term(weight=0.1, width=8)
    assert loss.adversarial == other.adversarial == ["gan"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"l1": 10**12}, "The loss is wrong: l1.weight is 1000000000000; the maximum is 1000000000."),
        ({"l1": 10**400}, "The loss is wrong: l1.weight is 1000"),
        ({"gv": {2: 3}}, "The loss is wrong: gv.2 is 2; keys should be strings."),
        ({"l1": 0}, "The loss is wrong: All terms of the loss have weight 0 (l1): give one a weight above 0."),
    ],
)
def test_what_cannot_be_is_one_short_sentence(spec, message):
    with pytest.raises(UserError) as error:
        parse_loss(spec)
    assert str(error.value).startswith(message)
    assert len(str(error.value)) < 200


def test_the_schema_has_both_forms():
    allowed = LossSpec.model_json_schema()["additionalProperties"]["anyOf"]
    assert [form.get("type", form.get("$ref")) for form in allowed] == ["number", "#/$defs/Term"]
