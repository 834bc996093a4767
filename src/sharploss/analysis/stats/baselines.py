"""What a loss adds to which other loss, told from the losses' own terms in params.yaml."""

from __future__ import annotations

import json
from typing import Any, cast

from sharploss.analysis.load import Study

Terms = dict[str, float]


def terms_of(study: Study) -> dict[str, Terms]:
    """Give the terms of every loss of the study with their weights: loss -> term -> weight."""
    return {loss: {term: weight(value) for term, value in spec.items()} for loss, spec in _specs(study).items()}


def forms_of(study: Study) -> dict[str, dict[str, str]]:
    """Give the parameters of every term but its weight, as text: loss -> term -> form."""
    return {loss: {term: form(value) for term, value in spec.items()} for loss, spec in _specs(study).items()}


def _specs(study: Study) -> dict[str, dict[str, Any]]:
    params = study.params.model_dump()
    losses = cast("dict[str, dict[str, Any]]", params.get("losses") or {})
    used = set(study.runs["loss"])
    return {name: spec for name, spec in losses.items() if name in used}


def weight(value: Any) -> float:
    """Give the weight of a term, which is a number, or parameters with an optional weight."""
    return float(cast("dict[str, Any]", value).get("weight", 1)) if isinstance(value, dict) else float(value)


def form(value: Any) -> str:
    """Give the parameters of a term without its weight, as text that is equal where they are."""
    parameters = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return json.dumps({name: parameters[name] for name in sorted(parameters) if name != "weight"}, sort_keys=True)


def added(losses: dict[str, Terms]) -> dict[str, tuple[str, str]]:
    """Find losses that are another loss and one more term: loss -> (the other loss, the term).

    Args:
        losses: what `terms_of` gives.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, terms in losses.items():
        for base, fewer in losses.items():
            more = [term for term in terms if term not in fewer]
            if len(more) == 1 and {term: terms[term] for term in terms if term in fewer} == fewer:
                found.setdefault(name, (base, more[0]))
    return found


def partner_of(losses: dict[str, Terms]) -> dict[str, str]:
    """Name the loss that each is to be compared with: what it adds a term to, or the one whose pixel term it replaces.

    SPLoss alone, and every other single term, replaces L1.
    """
    found = {name: base for name, (base, _) in added(losses).items()}
    for name, other in (("mprnet_sploss", "mprnet_original"), ("esrgan_sploss", "esrgan")):
        if name in losses and other in losses:
            found.setdefault(name, other)
    single = [name for name, terms in losses.items() if len(terms) == 1 and name != "l1"]
    return found | {name: "l1" for name in single if "l1" in losses and name not in found}
