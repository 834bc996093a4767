"""The versions of a study's verdicts, kept in git: which verdicts changed, when, and why."""

from datetime import UTC, datetime

from sharploss.analysis.files import EvaluatedClaim, Version, load_versions, save_versions
from sharploss.record.paths import StudyPaths
from sharploss.utils.errors import UserError

Verdicts = dict[str, str]


def verdicts_of(claims: dict[str, EvaluatedClaim]) -> Verdicts:
    """Return the verdict on what was measured of each claim, of the `claims` of claims.json."""
    return {key: claim["measured"]["verdict"] for key, claim in claims.items()}


def release(files: StudyPaths, claims: dict[str, EvaluatedClaim], why: str) -> int:
    """Keep the verdicts as a version, with the reason for what changed, and return its number, which counts from 1."""
    versions, now = load_versions(files), verdicts_of(claims)
    if versions and versions[-1]["verdicts"] == now:
        raise UserError(
            f"{files.versions}: no verdict changed since version {len(versions)}: there is nothing to release."
        )
    entry = Version(date=datetime.now(UTC).date().isoformat(), why=why, verdicts=now)
    save_versions(files, [*versions, entry])
    return len(versions) + 1


def changed(before: Verdicts, after: Verdicts) -> str:
    """List the verdicts that differ, in words."""
    keys = [key for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)]
    return "; ".join(f"{key} from {before.get(key, 'no claim')} to {after.get(key, 'no claim')}" for key in keys)


def history(files: StudyPaths, claims: dict[str, EvaluatedClaim]) -> list[str]:
    """Describe each version, the newest first, what changed and why; and what has changed since, unreleased."""
    lines, before = list[str](), Verdicts()
    for number, entry in enumerate(load_versions(files), start=1):
        what = f"Changed: {changed(before, entry['verdicts'])}." if before else f"{len(entry['verdicts'])} verdicts."
        lines.append(f"Version {number} ({entry['date']}): {entry['why']} {what}")
        before = entry["verdicts"]
    if lines and (since := changed(before, verdicts_of(claims))):
        lines.append(f"Since then, in no version yet: {since}.")
    return lines[::-1]
