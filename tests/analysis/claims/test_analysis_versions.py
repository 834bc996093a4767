import pytest

from sharploss.analysis.claims.evaluate import evaluate_all
from sharploss.analysis.claims.sources import published_source
from sharploss.analysis.claims.spec import load_claims
from sharploss.analysis.claims.versions import history, release, verdicts_of
from sharploss.analysis.files import load_versions
from sharploss.analysis.load import load_study
from sharploss.record.paths import paths
from sharploss.utils.errors import UserError


def claims(**verdicts):
    return {key: {"measured": {"verdict": word}} for key, word in verdicts.items()}


def test_a_version_says_which_verdicts_changed_and_why(tmp_path):
    files = paths("benchmark", tmp_path)
    assert history(files, claims(E1="supported")) == []
    assert release(files, claims(E1="supported", E2="undecided"), "The first run.") == 1
    assert release(files, claims(E1="contradicted", E2="undecided", E3="supported"), "20,000 steps.") == 2
    newest, second, first = history(files, claims(E1="contradicted", E2="supported", E3="supported"))
    assert newest == "Since then, in no version yet: E2 from undecided to supported."
    assert second.startswith("Version 2 (20")
    assert second.endswith(
        "): 20,000 steps. Changed: E1 from supported to contradicted; E3 from no claim to supported."
    )
    assert first.endswith("): The first run. 2 verdicts.")


def test_a_release_without_a_change_is_refused(tmp_path):
    files = paths("benchmark", tmp_path)
    release(files, claims(E1="supported"), "The first run.")
    with pytest.raises(UserError, match="no verdict changed since version 1"):
        release(files, claims(E1="supported"), "Again.")
    assert len(load_versions(files)) == 1


@pytest.mark.slow
def test_the_committed_verdicts_are_the_last_version(repository):
    """Where results or rules change a verdict: python -P pipelines/draw.py benchmark --release 'why'."""
    study = load_study("benchmark", repository, partial=True)
    found = evaluate_all(load_claims(repository).claims, published_source(repository), study)
    assert load_versions(study.paths)[-1]["verdicts"] == verdicts_of(found)
