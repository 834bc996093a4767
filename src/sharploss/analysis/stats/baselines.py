"""Which loss is compared with which: the baselines of claims.yaml, and what the losses' own terms show."""

from __future__ import annotations

from sharploss.analysis.papers import Baselines

Weights = dict[str, float]


def added(losses: dict[str, Weights]) -> dict[str, tuple[str, str]]:
    """Find losses that are another loss and one more term: loss -> (the other loss, the term)."""
    found: dict[str, tuple[str, str]] = {}
    for name, terms in losses.items():
        for base, fewer in losses.items():
            more = [term for term in terms if term not in fewer]
            if len(more) == 1 and {term: terms[term] for term in terms if term in fewer} == fewer:
                found.setdefault(name, (base, more[0]))
    return found


def baseline_of(losses: dict[str, Weights], baselines: Baselines) -> dict[str, str]:
    """Return the baseline of losses: without a term, with one replaced (claims.yaml); of one term, the reference."""
    found = {name: base for name, (base, _) in added(losses).items()}
    for name, other in baselines.replaces.items():
        if name in losses and other in losses:
            found.setdefault(name, other)
    first = baselines.references[0]
    single = [name for name, terms in losses.items() if len(terms) == 1 and name != first]
    return found | {name: first for name in single if first in losses and name not in found}
