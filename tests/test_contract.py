"""The import contract: packages import downwards only, without circles, and the library part imports nothing heavy.

Every import counts, also those inside functions. docs/architecture.md explains the order.
"""

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "sharploss"
LAYERS = (
    {"utils"},
    {"assets"},
    {"config"},
    {"functional", "record"},
    {"data", "networks", "metrics", "mdf", "losses"},
    {"training", "evaluation"},
    {"planning", "tracking", "analysis"},
    {"launch"},
)
FILE = re.compile(r"[a-z_]+\.(json|jsonl|csv|log)")
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}
HEAVY = (
    "dvc",
    "wandb",
    "pandas",
    "matplotlib",
    "lpips",
    "pyiqa",
    "skimage",
    "torchvision",
    "requests",
    "pooch",
    "scipy",
    "seaborn",
    "jinja2",
)
LIBRARY = ("losses", "networks", "metrics", "data")
WITHOUT_TORCH = ("config", "analysis")
ELSEWHERE = {  # names that are not record's but the same
    ("launch/export.py", "scores.json"),  # of an exported network
    ("evaluation/calibration.py", "calibration.csv"),  # the published one
}


@cache
def imports_in(source: str) -> list[ast.Import | ast.ImportFrom]:
    """Return the import statements of a module's source, at any depth."""
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]


@cache
def modules_imported(source: str) -> set[str]:
    """Return the absolute names of all modules that a module's source imports, at any depth."""
    found: set[str] = set()
    for node in imports_in(source):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, "relative imports are not used"
            base = str(node.module)
            found |= {f"sharploss.{alias.name}" for alias in node.names} if base == "sharploss" else {base}
    return found


@cache
def imports_of_packages() -> dict[str, dict[str, set[str]]]:
    """Return, for each package, the packages that it imports, each with the files that do so."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in sorted(SOURCE.glob("*/**/*.py")):
        package = path.relative_to(SOURCE).parts[0]
        imported = found.setdefault(package, defaultdict(set))
        for name in modules_imported(path.read_text(encoding="utf-8")):
            if name.startswith("sharploss.") and name.split(".")[1] != package:
                imported[name.split(".")[1]].add(str(path.relative_to(SOURCE)))
    return found


def test_the_package_root_holds_nothing_but_init_and_main():
    assert {path.name for path in SOURCE.glob("*.py")} == {"__init__.py", "__main__.py"}
    assert imports_of_packages().keys() == LEVEL.keys()


def test_an_import_inside_a_function_counts():
    assert modules_imported("def f():\n    from sharploss.a.b import c\n    import d.e") == {"sharploss.a.b", "d.e"}


@pytest.mark.parametrize("package", sorted(LEVEL))
def test_imports_point_downwards(package):
    above = {
        other: sorted(files) for other, files in imports_of_packages()[package].items() if LEVEL[other] > LEVEL[package]
    }
    assert above == {}


def test_there_is_no_circle_between_packages():
    assert list(
        TopologicalSorter(
            {package: set(imported) for package, imported in imports_of_packages().items()}
        ).static_order()
    )


def test_there_is_no_circle_between_modules():
    """Neither at import, nor through imports inside functions or for types alone."""
    paths = {path.relative_to(SOURCE.parent).with_suffix(""): path for path in SOURCE.rglob("*.py")}
    modules = {".".join(name.parts).removesuffix(".__init__"): path for name, path in paths.items()}
    used: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = set(modules_imported(path.read_text(encoding="utf-8")))
        for node in imports_in(path.read_text(encoding="utf-8")):
            if isinstance(node, ast.ImportFrom):  # of a package: it may be a module that is imported
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        used[module] = {name for name in names if name in modules} - {module}
        if path.name == "__init__.py":  # a package's face hands on what lies in it
            used[module] = set()
    assert list(TopologicalSorter(used).static_order())


def texts_in(tree: ast.AST) -> list[str]:
    """Return the strings of a syntax tree, and the parts of f-strings, but for those that stand alone: docstrings."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    return [node.value for node in found if isinstance(node.value, str)]


def names_of_record(source: str) -> set[str]:
    """Return the names of record's files that a module's source states, and "-" where it joins or splits keys."""
    own = {text for text in texts_in(ast.parse((SOURCE / "record/paths.py").read_text())) if FILE.fullmatch(text)}
    tree = ast.parse(source)
    found = {text.rpartition("/")[2] for text in texts_in(tree)} & own
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            joined = [node.func.value] if node.func.attr == "join" else []
            split = node.args if node.func.attr in ("split", "rsplit", "partition", "rpartition") else []
            cut = node.args if node.func.attr in ("removeprefix", "removesuffix") else []
            if any(isinstance(one, ast.Constant) and one.value in ("-", "-s") for one in (*joined, *split)):
                found.add("-")
            if any(isinstance(one, ast.JoinedStr) and ast.unparse(one).strip("\"'").endswith("-") for one in cut):
                found.add("-")
    return found


def test_record_alone_names_its_files_and_takes_keys_apart():
    """A result's path, and the key of a run or group, are asked of `record.paths` and `record.keys`."""
    root, found = SOURCE.parents[1], set[tuple[str, str]]()
    for folder in (SOURCE, root / "pipelines", root / "benchmarks"):
        for path in folder.rglob("*.py"):
            name = path.relative_to(folder).as_posix()
            found |= {(name, text) for text in names_of_record(path.read_text(encoding="utf-8"))}
    of_record = {("record/paths.py", "-"), ("record/keys.py", "-"), ("record/paths.py", "metrics.json")}
    assert of_record <= found  # what is named there is found
    assert {one for one in found - ELSEWHERE if not one[0].startswith("record/")} == set()
    pages = {path.name: path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.jinja")}
    built = r'["/](?:results|runs)/|(?:metrics|provenance)\.json\b|history\.jsonl'
    assert {name: re.findall(built, text) for name, text in pages.items() if re.search(built, text)} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('path = folder / "scores.csv"', {"scores.csv"}),
        ('path = f"{folder}/runs/{key}/history.jsonl"', {"history.jsonl"}),
        ('group = "-".join(key.split("-")[:2])', {"-"}),
        ('task, _, network = group.partition("-")', {"-"}),
        ('network = group.removeprefix(f"{task}-")', {"-"}),
        ('"""Read metrics.json."""\nraise ValueError("metrics.json is damaged")', set[str]()),
    ],
)
def test_a_name_of_records_is_found(source, found):
    assert names_of_record(source) == found


def modules_loaded(*packages: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after importing packages of ours."""
    code = f"import sys, {', '.join(f'sharploss.{name}' for name in packages)}\nprint(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    command = [sys.executable, "-P", "-c", code]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return {name.split(".")[0] for name in printed.split()}


@pytest.mark.slow
def test_the_library_part_imports_nothing_heavy():
    loaded = modules_loaded(*LIBRARY)
    assert "torch" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.slow
def test_the_losses_are_imported_in_a_fraction_of_torchs_time():
    """0.3 s where torch takes 1.5 s: a ratio, since machines and their load differ; and what it is that is imported."""
    code = (
        "import sys, time; import torch; began, before = time.process_time(), {*sys.modules}; import sharploss.losses\n"
    )
    code += "print((time.process_time() - began) / began, *{name.split('.')[0] for name in {*sys.modules} - before})"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    command = [sys.executable, "-P", "-c", code]  # the first compiles what nobody has imported before
    ratios = list[float]()
    while not ratios or (ratios[-1] >= 0.2 and len(ratios) < 3):
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        ratio, *packages = run.stdout.split()
        ratios.append(float(ratio))
    assert min(ratios) < 0.2, ratios
    brought = {"numpy", "PIL", "safetensors", "cuda"}  # by torch, where they are installed
    own = {"sharploss", "pydantic", "pydantic_core", "annotated_types", "typing_inspection"}
    assert {*packages} - sys.stdlib_module_names - brought == own


def test_no_module_of_a_package_without_torch_loads_it():
    paths = [path for package in WITHOUT_TORCH for path in sorted((SOURCE / package).rglob("*.py"))]
    names = [".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    assert {name.split(".")[0] for name in names} == set(WITHOUT_TORCH)
    assert "torch" not in modules_loaded(*names)
    for path in paths:  # nor later, inside a function
        assert "torch" not in {name.split(".")[0] for name in modules_imported(path.read_text(encoding="utf-8"))}, path
