"""Record stages in DVC, as `dvc commit --force --no-relink STAGE ...`, but with its lock file written once for all.

DVC reads and writes all of it, and every other file of the pipeline, for each stage that its command names.
"""

import sys
from typing import Any

from sharploss.utils.optional import optional_package


def commit(stages: list[str]) -> None:
    """Record what the stages have read and written; DVC's exception where something of it is missing."""
    dvc, stages_of = optional_package("dvc.repo"), optional_package("dvc.repo.stage")
    with dvc.Repo(_wait_for_lock=True) as repo:
        found: list[Any] = [stages_of.StageInfo(stage) for stage in repo.index.stages if stage.addressing in stages]

        def collect(*_: object, **__: object) -> list[Any]:
            return found

        repo.stage.collect_granular = collect
        # A run that has begun meanwhile may read these files: DVC is not to replace them by its copies.
        repo.commit(force=True, relink=False)


if __name__ == "__main__":
    commit(sys.argv[1:])
