"""The documentation: what it links to, names and runs exists, snippets are valid, claims are on their papers' pages."""

import itertools
import pkgutil
import re
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import yaml

from sharploss.analysis.claims.spec import Claim, load_claims
from sharploss.config.params import Params, load_params
from sharploss.planning.plan import expand

# Not the fixture `repository`: every page and snippet is a test of its own, named before fixtures exist.
ROOT = Path(__file__).resolve().parent.parent
PAGES = {name: paper.page for name, paper in load_claims(ROOT).papers.items()}
DOCS = sorted((ROOT / "docs").rglob("*.md"))
EXAMPLES = {
    f"src/sharploss/{name}.py"
    for name in ("losses/squared_edges", "losses/yours", "networks/yours", "metrics/yours", "analysis/plotting/yours")
}
"""Files that a reader is told to write."""

NAMES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "studies/README.md")
LINKED = [*(ROOT / name for name in NAMES), *DOCS]
PAGE = pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))


def page(name):
    return (ROOT / "docs" / "papers" / f"{name}.md").read_text(encoding="utf-8")


def snippets(language):
    found = []
    for path in DOCS:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            line = text[: match.start()].count("\n") + 1
            found.append(pytest.param(match[1], id=f"{path.relative_to(ROOT)}:{line}"))
    return found


def anchors(text):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@PAGE
def test_relative_links_resolve(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:src|href)="([^"]+)"', text)]
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


@PAGE
def test_named_files_exist(path):
    text = path.read_text(encoding="utf-8")
    folders = "src|pipelines|studies|tests|benchmarks|notebooks|docs|results/published"
    named = set(re.findall(rf"(?<![\w/.<])((?:{folders})/[\w/.]*\w)", text)) - EXAMPLES
    assert {name for name in named if not (ROOT / name).exists()} == set()


def exists(name):
    """Whether a dotted name is a module, or an attribute of one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@PAGE
def test_named_modules_exist(path):
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w./])sharploss(?:\.\w+)+", text))
    assert {name for name in named if not exists(name)} == set()


def unknown_commands(text):
    """List the make targets, subcommands and DVC stages that a text names and that do not exist."""
    from sharploss.__main__ import COMMANDS

    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    code = "\n".join(
        re.findall(r"`([^`\n]+)`", text) + re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    )
    named = {
        "make": (re.findall(r"(?<![\w-])make (?:[A-Z]+=\S+ )*([a-z-]+)", code), targets),
        "python -m sharploss": (re.findall(r"(?:python -m )?sharploss (\w+)", code), COMMANDS),
        "dvc repro": (re.findall(r"dvc (?:--\S+ )*repro (?:-s )?([a-z_]+)(?![\w/])", code), stages),
    }
    return [f"{tool} {word}" for tool, (words, known) in named.items() for word in words if word not in known]


@PAGE
def test_named_commands_exist(path):
    assert unknown_commands(path.read_text(encoding="utf-8")) == []


def test_a_command_that_does_not_exist_is_found():
    text = "`make nothing` `sharploss nothing`\n```sh\ndvc repro -s nothing@x\nmake CPU=1 repro\n```\n"
    assert unknown_commands(text) == ["make nothing", "python -m sharploss nothing", "dvc repro nothing"]


@PAGE
def test_scripts_are_run_so_that_none_hides_a_package(path):
    """`python pipelines/x.py` puts pipelines/ first on the path, and torch imports `tabulate`."""
    assert not re.search(r"python pipelines/", path.read_text(encoding="utf-8"))


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in DOCS:
        name = path.relative_to(ROOT / "docs").as_posix()
        assert name == "README.md" or name in index, name


def test_every_page_is_on_the_site_and_every_module_in_the_reference():
    """`make docs`, in which warnings are errors, builds it; a page that its navigation lacks is one."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    shown = set(re.findall(r"[\w/]+\.md", str(site["nav"])))
    assert shown == {path.relative_to(ROOT / "docs").as_posix() for path in DOCS} | {"start.md"}
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    reference = re.findall(r"^::: ([\w.]+)", text, re.MULTILINE)
    assert [name for name in reference if not exists(name)] == []
    for room in ("losses", "metrics", "networks"):  # with every module that is added to them
        assert f"::: sharploss.{room}\n    options: {{show_submodules: true}}\n" in text


def test_pages_lead_out_of_the_documentation_to_the_repository(monkeypatch):
    """The hook of the site, whose packages are not among ours."""
    hook = (ROOT / "docs" / "site.py").read_text(encoding="utf-8")
    for name in ("griffe", "mkdocs", "mkdocs.structure", "mkdocs.structure.files"):
        monkeypatch.setitem(sys.modules, name, MagicMock(Extension=object))
    space = {"__file__": str(ROOT / "docs" / "site.py")}
    exec(compile(hook, "docs/site.py", "exec"), space)
    rewritten = space["rewritten"]
    assert rewritten("[a](../README.md#b) [c](../src) [d](gv.md)", "docs", "R", "") == (
        "[a](R/blob/main/README.md#b) [c](R/tree/main/src) [d](gv.md)"
    )
    assert (
        rewritten('[a](docs/study.md#b) <img src="x/y.png">', "", "R", "docs/")
        == '[a](study.md#b) <img src="../x/y.png">'
    )
    assert rewritten("[a](https://x.y) [b](#c)", "docs", "R", "") == "[a](https://x.y) [b](#c)"


@pytest.mark.parametrize("text", snippets("python"))
def test_python_compiles_and_imports_what_exists(text):
    compile(text, "a snippet", "exec")
    imported = re.findall(r"^ *from (sharploss[\w.]*) import (.+)$", text, re.MULTILINE)
    named = [f"{module}.{name}" for module, names in imported for name in names.split(", ")]
    assert [name for name in named if not exists(name)] == []


@pytest.mark.parametrize("text", snippets("yaml"))
def test_losses_are_understood(text):
    from sharploss.losses import resolve_loss

    for spec in yaml.safe_load(text).get("losses", {}).values():
        assert resolve_loss(spec)


@pytest.mark.parametrize("text", snippets("yaml"))
def test_settings_fit_into_a_study(text):
    content = yaml.safe_load(text)
    claims = content.pop("claims", {})
    assert content or claims
    for claim in claims.values():
        Claim.model_validate(claim)
    study = yaml.safe_load((ROOT / "studies" / "mini.yaml").read_text(encoding="utf-8"))
    merged = {**study, **{section: {**study.get(section, {}), **content[section]} for section in content}}
    assert Params.model_validate(merged)


def read_claims():
    return yaml.safe_load((ROOT / "claims.yaml").read_text(encoding="utf-8"))["claims"]


@pytest.mark.parametrize("paper", PAGES)
def test_claims_and_pages_agree(paper):
    claims = read_claims()
    told = set(re.findall(r"\bE\d+\b", page(PAGES[paper])))
    assert told <= claims.keys()
    of_it = {key for key, claim in claims.items() if paper in claim["paper"].split(" and ")}
    assert of_it, paper
    assert of_it <= told


def test_every_paper_of_the_claims_has_a_page():
    papers = {paper for claim in read_claims().values() for paper in claim["paper"].split(" and ")}
    assert papers == PAGES.keys()


def test_every_anomaly_is_on_a_page():
    anomalies = yaml.safe_load((ROOT / "results" / "published" / "anomalies.yaml").read_text(encoding="utf-8"))
    told = {name for paper in PAGES.values() for name in re.findall(r"\bD\d+\b", page(paper))}
    assert told == anomalies.keys()


@pytest.mark.parametrize("paper", PAGES.values())
def test_the_suites_a_page_names_are_in_the_study(paper):
    rows = re.findall(r"^\| `(mini|benchmark|paper)` \| (.+) \|$", page(paper), flags=re.MULTILINE)
    assert [study for study, _ in rows] == ["mini", "benchmark", "paper"]
    for study, cells in rows:
        suites = yaml.safe_load((ROOT / "studies" / f"{study}.yaml").read_text(encoding="utf-8"))["suites"]
        named = re.findall(r"`(\w+)`", cells)
        assert named
        assert set(named) <= suites.keys()


def test_the_size_of_the_largest_study_is_told():
    studies = [ROOT / "studies" / f"{name}.yaml" for name in ("mini", "benchmark", "paper")]
    largest = max(len(expand(load_params(study))["runs"]) for study in studies)
    assert f"the largest has {largest} runs" in (ROOT / "docs/scale.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("paper", PAGES.values())
def test_findings_are_not_typed_by_hand(paper):
    """They change with every study: the page says where they are."""
    found = page(paper).split("## What we found\n")[1].split("\n## ")[0]
    assert f"`reports/<study>/claims/{paper}.md`" in found
    assert "`reports/<study>/claims/claims.md`" in found
    assert not re.search(r"\d", found)


def test_the_graph_of_stages_is_that_of_dvc():
    """README's drawing leads from stage to stage as dvc.yaml's files do, and names every stage."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    graph = re.findall(r"^```mermaid\nflowchart LR\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)[0]
    drawn: dict[str, set[str]] = {}
    for line in graph.splitlines():
        steps = [step.strip().split(" & ") for step in line.split("-->")]
        for before, after in itertools.pairwise(steps):
            for name in after:
                drawn.setdefault(name, set()).update(before)
    stages = {name: stage["do"] for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()}

    def files(stage, *keys):
        found = [path for key in keys for path in stages[stage].get(key, [])]
        plain = [path if isinstance(path, str) else next(iter(path)) for path in found]
        return [re.sub(r"\$\{[^}]*\}", "*", path) for path in plain]

    def before(graph, stage):
        return {name for one in graph.get(stage, ()) for name in {one, *before(graph, one)}}

    real: dict[str, set[str]] = {}
    for stage in stages:
        for path in files(stage, "deps"):
            made_by = {
                other
                for other in stages
                for made in files(other, "outs", "metrics")
                if path == made or path.startswith(f"{made}/") or made.startswith(f"{path}/")
            }
            real.setdefault(stage, set()).update(made_by - {stage})
    real["train"].add("extract")  # its file is named by the run: ${item.extractor}
    assert real.keys() | {"plan"} == drawn.keys() | {"plan"} == set(stages)
    assert {stage: before(drawn, stage) for stage in stages} == {stage: before(real, stage) for stage in stages}
