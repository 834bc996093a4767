"""Test every claim of the papers on their printed numbers and on a study's runs."""

import argparse
from collections import Counter
from pathlib import Path

from sharploss.record.study import current_study
from sharploss.utils.command import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.claims.evaluate import evaluate_claims

    claims = evaluate_claims(current_study(), Path())["claims"]
    for side in ("published", "measured"):
        counts = Counter(claim[side]["verdict"] for claim in claims.values())
        print(f"{side}: " + ", ".join(f"{count} {word}" for word, count in sorted(counts.items())))


if __name__ == "__main__":
    run_main(main)
