"""A loss as params.yaml states it: terms by name, each a weight or a mapping of its parameters. Parsed here alone."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, ValidationError, model_validator

from sharploss.config.limits import ENTRIES, WEIGHT
from sharploss.utils.errors import UserError, shown
from sharploss.utils.models import describe_problem

ADVERSARIAL = ("gan", "lsgan", "ragan", "sharpgan")  # loss terms that have a discriminator


class Term(BaseModel):
    """One term of a loss: its weight, and its parameters beside it. Which parameters there are, the term's class says.

    `Term(weight=0.01, patch=8).parameters` is {"patch": 8}.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    weight: float = Field(default=1.0, ge=0, le=WEIGHT, strict=True, allow_inf_nan=False)

    @property
    def parameters(self) -> dict[str, Any]:
        """What is stated beside the weight, by name."""
        return dict(self.model_extra or {})

    def updated(self, **parameters: Any) -> "Term":
        """Return the term with other parameters beside those it has."""
        return Term(**{**dict(self), **parameters})


def _as_mapping(value: Any) -> Any:
    return value if isinstance(value, Mapping | Term) else {"weight": value}


Terms = dict[str, Annotated[Term, BeforeValidator(_as_mapping, json_schema_input_type=float | Term)]]


class LossSpec(RootModel[Terms]):
    """A weighted sum of terms, in their order: `{l1: 1, gv: {weight: 0.01, patch: 8}}`.

    `model_dump(mode="json")` returns the plain mapping that files hold, every term with its weight.
    """

    model_config = ConfigDict(frozen=True)

    root: Terms = Field(
        min_length=1, max_length=ENTRIES, description="term: weight, or term: {parameter: value, weight: w}"
    )

    @property
    def terms(self) -> dict[str, Term]:
        """The terms by name."""
        return self.root

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term, by name."""
        return {name: term.weight for name, term in self.root.items()}

    @property
    def adversarial(self) -> list[str]:
        """Names of the terms that have a discriminator."""
        return [name for name in self.root if name in ADVERSARIAL]

    @model_validator(mode="after")
    def _has_a_weight(self) -> Self:
        if not any(self.weights.values()):
            raise UserError(f"All terms of the loss have weight 0 ({', '.join(self.root)}): give one a weight above 0.")
        return self

    def updated(self, **terms: Term) -> "LossSpec":
        """Return the loss with other terms in the place of those of the same names."""
        return LossSpec({**self.root, **terms})


def parse_loss(spec: Mapping[str, Any] | LossSpec) -> LossSpec:
    """Return the loss that a plain mapping states; a LossSpec is returned as it is, UserError for what is no loss."""
    if isinstance(spec, LossSpec):
        return spec
    if not isinstance(spec, Mapping) or not spec:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UserError(f"A loss is a mapping of terms to weights, such as {{l1: 1, gv: 0.01}}, not {shown(spec)}.")
    try:
        return LossSpec.model_validate({str(name): value for name, value in spec.items()})
    except ValidationError as error:
        raise UserError(f"The loss is wrong: {describe_problem(error, LossSpec)}") from None
