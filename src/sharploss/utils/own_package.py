"""A script runs the package of its own folder (a clone, a worktree, DVC's experiment), whichever one is installed."""

import os
import sys
from pathlib import Path

import sharploss
from sharploss.utils.errors import UserError


def use_own_package() -> None:
    """Start this process again with its own folder's package where another folder's was imported.

    Own is the folder of the script, or for `python -m sharploss` the working folder, where that has such a package.
    UserError where Python imports the other one nevertheless, as with -I, or in a folder with a ":" in its name.
    """
    source, imported = own_source(Path(sys.argv[0])), Path(sharploss.__file__).parent
    if source is None or (source / "sharploss").samefile(imported):
        return
    before = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if before[:1] == [str(source)] or os.pathsep in str(source):
        raise UserError(
            f"This is a command of {source.parent}, and Python imports the sharploss of {imported}: install it there "
            "with 'make setup', or run the command in the other folder."
        )
    os.environ["PYTHONPATH"] = os.pathsep.join([str(source), *before])
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def own_source(script: Path) -> Path | None:
    """Return the absolute folder that holds the package of a script, or of the working folder; None without one."""
    for root in (Path(os.path.abspath(script)).parent.parent, Path.cwd()):  # noqa: PTH100  a link stays what it is
        if (root / "src" / "sharploss" / "__init__.py").is_file():
            return root / "src"
    return None
