"""Find leakage: data sets that must not be trained on where others are tested on."""

from collections.abc import Iterable

from sharploss.assets.catalogue import ASSETS

ALSO_KNOWN_AS = {
    **dict.fromkeys(("bsds500_val", "bsd100", "bsds100"), "b100"),
    "bsd200": "bsds500_train",
    "bsd68": "cbsd68",
    "yang91": "t91",
}
"""Other names of sets, where the nearest name in spelling is another set: BSDS500's val part is B100, a test set."""


def leak(train: Iterable[str], test: Iterable[str]) -> str | None:
    """Return why these sets must not be trained and tested on together, in one sentence; None when they may."""
    tested = list(test)
    return next((reason for one in train for other in tested if (reason := _common(one, other))), None)


def _common(learnt: str, tested: str) -> str | None:
    if learnt == tested:
        note = f" ({ASSETS[learnt].note.rstrip('.')})" if learnt == "b100" else ""
        return f"{learnt} is trained on and tested on{note}"
    if learnt not in ASSETS or tested not in ASSETS:
        return None
    one, other = ASSETS[learnt], ASSETS[tested]
    declared = one.overlaps.get(tested) or other.overlaps.get(learnt)
    if declared:
        return f"{learnt} is trained on and {tested} tested on, but {declared}"
    shared = {file.sha256 for file in one.files if file.sha256} & {file.sha256 for file in other.files}
    if shared:
        path = next(file.path for file in one.files if file.sha256 in shared)
        return f"{learnt} is trained on and {tested} tested on, but {path} is in both"
    return None
