"""What code a run uses, as hashes: DVC retrains a run when that code changes, and not when other code does.

Names of modules do not count, nor where one lies: after a rename or a move, the fingerprint is what it was.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "sharploss"

# Code that no number depends on: reading settings, reporting errors, writing files, naming them, reporting progress.
PLUMBING = frozenset(
    f"{PACKAGE}{name}"
    for name in (
        *("", ".planning.plan", ".tracking.follower"),
        *(f".config.{name}" for name in ("check_leakage", "check_names", "limits", "loss_spec", "params")),
        *(f".config.{name}" for name in ("recipe", "run_config", "sections", "tasks")),
        *(f".record.{name}" for name in ("history", "keys", "paths", "run", "scores", "tables")),
        *(f".utils.{name}" for name in ("argument_checks", "checksum", "command", "cores", "errors", "files")),
        *(f".utils.{name}" for name in ("models", "optional", "own_package", "registry")),
    )
)


def fingerprint(modules: Iterable[str], *, without: Iterable[str] = ()) -> str:
    """Hash `modules`, each with every module of this package that it imports, directly or not; a hash a line, sorted.

    Comments, docstrings and layout do not count, nor do modules `without`, with what only they import. A package's
    `__init__` counts only where a module imports names from the package itself.
    """
    left_out, known = PLUMBING | set(without), dict[str, str]()
    return "".join(f"{digest}\n" for digest in sorted({_hash(name, left_out, known) for name in modules}))


def _hash(name: str, left_out: frozenset[str], known: dict[str, str]) -> str:
    """Hash a module's text and, for each import of this package, the hash of what is imported in place of its name."""
    if name not in known:
        known[name] = "itself"  # for modules that import one another
        path = _source(name)
        if path is None:
            raise ModuleNotFoundError(name)
        text, imports = _parse(path.read_text(encoding="utf-8"))
        data = path.with_suffix(".toml")  # tables that a module reads lie beside it
        text += data.read_text(encoding="utf-8") if data.is_file() else ""
        uses = sorted(_import_hash(*one, left_out, known) for one in imports)
        known[name] = hashlib.sha256("\n".join([text, *uses]).encode()).hexdigest()[:16]
    return known[name]


def _import_hash(module: str, name: str, bound: str, left_out: frozenset[str], known: dict[str, str]) -> str:
    target = f"{module}.{name}" if name and _source(f"{module}.{name}") else module
    return f"{'' if target in left_out else _hash(target, left_out, known)} {name} {bound}"


def _source(name: str) -> Path | None:
    """Return the file of a module beside the one that is imported here, or None where there is no such module."""
    package, *parts = name.split(".")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    path = Path(spec.origin).parent.joinpath(*parts)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


@cache
def _parse(source: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Return code without comments, docstrings and imports of this package, and those: module, name, bound."""
    tree, remover = ast.parse(source), _Remover()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    # The unparsed text, not the tree's dump: the dump's form changes from one Python version to the next.
    return ast.unparse(remover.visit(tree)), remover.imports


class _Remover(ast.NodeTransformer):
    """Takes the imports of this package out of a tree, and keeps them as (module, name, bound name)."""

    def __init__(self) -> None:
        self.imports: list[tuple[str, str, str]] = []

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        own = [alias for alias in node.names if alias.name.startswith(PACKAGE)]
        self.imports += [(alias.name, "", alias.asname or "") for alias in own]
        return ast.Pass() if own else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        module = node.module or ""
        if not module.startswith(PACKAGE):
            return node
        self.imports += [(module, alias.name, alias.asname or "") for alias in node.names]
        return ast.Pass()
