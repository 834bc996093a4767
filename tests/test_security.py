"""What must hold whatever is added: nothing that is read can run, nothing secret is written, nothing is unpinned."""

import ast
import copy
import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from sharploss.assets.catalogue import ASSETS
from sharploss.config.params import Params
from sharploss.planning.plan import load_plan
from sharploss.utils.errors import UserError
from sharploss.utils.yaml_files import load_yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [path for folder in ("src", "pipelines", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
LOCKED = (ROOT / "requirements.lock").read_text()

FORBIDDEN = {"eval", "exec", "compile", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler"}
FORBIDDEN |= {"marshal.load", "marshal.loads", "shelve.open", "dill.load", "joblib.load", "torch.hub.load"}
FORBIDDEN |= {"yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "np.lib.format.read_array", "tempfile.mktemp"}
DECISIVE = {"weights_only", "Loader", "allow_pickle", "shell", "verify"}


def dotted(node):
    """`a.b.c` of a call's function, "" for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def dangers(source):
    """List the calls in a module that could run what they read."""
    found = []
    for call in [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]:
        words = [word for word in call.keywords if word.arg in DECISIVE]
        name, named = dotted(call.func), {word.arg: ast.unparse(word.value) for word in words}
        if name in FORBIDDEN:
            found.append(name)
        if name == "torch.load" and named.get("weights_only") != "True":
            found.append("torch.load without weights_only=True")
        if name == "yaml.load" and named.get("Loader") not in {"_Loader", "yaml.SafeLoader", "yaml.CSafeLoader"}:
            found.append("yaml.load with an unsafe loader")
        if name in {"np.load", "numpy.load"} and named.get("allow_pickle", "False") != "False":
            found.append("np.load with pickles")
        if named.get("shell", "False") != "False":
            found.append("a shell")
        if name.endswith((".extractall", "verify=False")) or (named.get("verify") == "False" and "requests" in name):
            found.append(name)
    return found


def test_nothing_in_the_sources_runs_what_it_reads():
    assert len(SOURCES) > 100
    found = {str(path.relative_to(ROOT)): dangers(path.read_text()) for path in SOURCES}
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "line",
    [
        *("torch.load(path)", "torch.load(path, weights_only=False)", "pickle.load(file)", "eval(text)"),
        *("yaml.load(text, Loader=yaml.Loader)", "yaml.unsafe_load(text)", "subprocess.run(text, shell=True)"),
        *("np.load(path, allow_pickle=True)", "archive.extractall(folder)", "requests.get(url, verify=False)"),
    ],
)
def test_the_search_finds_what_it_looks_for(line):
    assert dangers(line)


def test_the_yaml_loader_is_the_safe_one():
    source = (ROOT / "src/sharploss/utils/yaml_files.py").read_text()
    assert '_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)' in source
    assert "class _Loader(_SafeLoader):" in source


@pytest.mark.parametrize("tag", ["!!python/name:os.system", "!!python/object/apply:os.system ['true']", "!evil x"])
def test_yaml_that_names_code_is_refused(tmp_path, tag):
    (tmp_path / "a.yaml").write_text(f"a: {tag}\n")
    with pytest.raises(UserError, match="not valid YAML"):
        load_yaml(tmp_path / "a.yaml")


def test_pickle_is_imported_only_where_an_unpickler_names_nothing_but_stand_ins():
    imported = re.compile(r"^\s*(import|from) (pickle|dill|joblib|marshal|shelve)\b", re.MULTILINE)
    assert [path.name for path in SOURCES if imported.search(path.read_text())] == ["torch_modules.py"]


def test_every_address_of_the_catalogue_is_a_public_name_over_http():
    for name, asset in ASSETS.items():
        for url in [url for file in asset.files for url in file.urls]:
            parts = urlsplit(url)
            assert parts.scheme in {"http", "https"}, name
            assert parts.username is None, name
            assert "." in str(parts.hostname), name
            with pytest.raises(ValueError, match="does not appear to be"):
                ipaddress.ip_address(str(parts.hostname))


def test_what_comes_without_encryption_comes_with_a_checksum():
    for name, asset in ASSETS.items():
        for file in asset.files:
            if any(url.startswith("http:") for url in file.urls):
                assert file.sha256, name


def entries():
    """The pins of requirements.lock: "name==version ; marker" and its hashes."""
    joined = re.sub(r"\s*\\\n\s*", " ", LOCKED)
    return [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]


def test_every_dependency_is_pinned_by_hash():
    assert len(entries()) > 100
    for line in entries():
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+( ;[^#]*?)?( --hash=sha256:[0-9a-f]{64})+$", line), line[:100]


def test_no_index_and_no_address_is_named_in_the_lock():
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host|git\+|file:", LOCKED)


PLAN = load_yaml(ROOT / "runs.yaml")
NAMED, GROUP = next((name, group) for name, group in PLAN["groups"].items() if len(group["runs"]) > 1)
PLAN |= {
    "runs": {key: run for key, run in PLAN["runs"].items() if run["group"] == GROUP["group"]},
    "groups": {NAMED: GROUP},
}
EVIL = [
    "../../x",
    "a/b",
    "/etc/passwd",
    "$(touch x)",
    "a; rm -rf .",
    "`id`",
    "a b",
    "",
    "-rf",
    "${oc.env:HOME}",
    "a\nb",
]
KEY = next(iter(PLAN["runs"]))


@pytest.mark.parametrize("value", [*EVIL, None, 7, ["x"], {"a": 1}])
@pytest.mark.parametrize(
    "field", ["task", "network", "loss", "recipe", "seed", "group", "start", "extractor", "suites"]
)
def test_every_field_of_a_run_is_checked(tmp_path, field, value):
    plan = copy.deepcopy(PLAN)
    plan["runs"][KEY][field] = [value] if field == "suites" else value
    (tmp_path / "runs.yaml").write_text(yaml.safe_dump(plan))
    with pytest.raises(UserError, match=r"runs\.yaml .*which no plan makes: write it again with 'make plan'"):
        load_plan(tmp_path / "runs.yaml")


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["groups"].update({"../x": {"task": "sr_x4", "network": "edsr", "runs": []}}),
        lambda plan: next(iter(plan["groups"].values())).update(task="../x"),
        lambda plan: next(iter(plan["groups"].values()))["runs"].append("../x"),
        lambda plan: plan["runs"][KEY].pop("start"),
        lambda plan: plan["runs"][KEY].update(cmd="rm -rf ."),
        lambda plan: plan["runs"][KEY].update(start="results/mini/weights/sr_x4-edsr/../../../x.safetensors"),
        lambda plan: plan["runs"][KEY].update(start="results/mini/weights/sr_x4-edsr/sr_x4-edsr-none-s0.safetensors"),
        lambda plan: plan["runs"][KEY].update(extractor="results/mini/weights/extractors/../x.safetensors"),
        lambda plan: plan["runs"].update({KEY: 3}),
        lambda plan: plan.update(groups=[]),
    ],
)
def test_a_plan_that_was_tampered_with_is_refused(tmp_path, change):
    plan = copy.deepcopy(PLAN)
    change(plan)
    (tmp_path / "runs.yaml").write_text(yaml.safe_dump(plan))
    with pytest.raises(UserError, match="make plan"):
        load_plan(tmp_path / "runs.yaml")


@pytest.fixture(scope="module")
def mini():
    return load_yaml(ROOT / "studies/mini.yaml")


@pytest.mark.parametrize("name", [*EVIL, "A", "ü", "a-b", "_a"])
@pytest.mark.parametrize(
    "section", ["tasks", "networks", "losses", "recipes", "suites", "extractors", "crops", "datasets"]
)
def test_names_in_params_that_would_be_more_than_names_are_refused(mini, section, name):
    content = copy.deepcopy(mini)
    some = next(iter(content.get(section, {}).values()), {"images": "a.zip"})
    content.setdefault(section, {})[name] = some
    with pytest.raises(ValueError, match="should match pattern"):
        Params.model_validate(content)
