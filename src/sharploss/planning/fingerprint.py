"""What code a run uses, as hashes: DVC retrains a run when that code changes, and not when other code does."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

# Code that no number depends on: reading settings, telling errors, writing files, reporting progress.
PLUMBING = frozenset(
    {
        "sharploss",
        "sharploss.utils.argument_checks",
        "sharploss.utils.registry",
        "sharploss.utils.cores",
        "sharploss.utils.errors",
        "sharploss.utils.files",
        "sharploss.config.check_leakage",
        "sharploss.config.check_names",
        "sharploss.config.limits",
        "sharploss.config.loss_spec",
        "sharploss.config.network_spec",
        "sharploss.config.params",
        "sharploss.config.recipe",
        "sharploss.config.run_config",
        "sharploss.config.suites",
        "sharploss.config.tasks",
        "sharploss.planning.plan",
        "sharploss.tracking.follower",
    }
)


def fingerprint(modules: Iterable[str], *, without: Iterable[str] = ()) -> str:
    """Hash the code of `modules` and of every sharploss module they import, directly or not.

    Comments, docstrings and layout do not count. A package's `__init__` counts only where a module imports names from
    the package itself.

    Args:
        modules: dotted names.
        without: modules that are left out, with what only they import.
    """
    lines = [f"{name} {_code_hash(path)}" for name, path in sorted(_closure(modules, frozenset(without)).items())]
    return "\n".join(lines) + "\n"


def _closure(modules: Iterable[str], without: frozenset[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = None if name in PLUMBING or name in without or name in found else _source(name)
        if path is not None:
            found[name] = path
            waiting.extend(_imports(path))
    return found


def _source(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # `from package import name` where package is a plain module
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("sharploss"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sharploss"):
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from submodules
            if not all(_source(name) for name in submodules):
                yield str(node.module)


def _code_hash(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    # The unparsed text, not the tree's dump: the dump's form changes from one Python version to the next.
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:16]
