"""`python -m sharploss.launch.push [REMOTE]`: push DVC's run cache with all outputs that its entries name.

`dvc push --run-cache` leaves out the outputs that git keeps (`cache: false`), without which an entry restores nothing.
"""

import sys
from typing import Any


def main() -> int:
    """Push to the remote that the argument names, or to the default one; gives the exit code."""
    from dvc.repo import Repo

    remote = next((name for name in sys.argv[1:] if name), None)
    repo: Any = Repo(".", _wait_for_lock=True)
    with repo.lock:
        entries = repo.stage_cache.push(remote)
        used: dict[Any, Any] = repo.stage_cache.get_used_objs(entries)
        failed = sum(len(repo.cloud.push(objects, remote=remote).failed) for objects in used.values())
    print(f"{len(entries)} results pushed, {failed} files failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
