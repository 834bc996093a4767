import pytest

from sharploss.utils.errors import UserError
from sharploss.utils.yaml_files import load_yaml


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' is there twice, in lines 1 and 3"),
        ("a: {b: 1, b: 2}", "the key 'b' is there twice, in lines 1 and 1"),
        ("a: [{b: {c: 1,\n c: 1}}]", "the key 'c' is there twice, in lines 1 and 2"),
    ],
)
def test_a_key_that_is_there_twice_is_refused(tmp_path, text, told):
    """PyYAML takes the last one, and a run named l2 would train with another loss."""
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=f"a.yaml is not valid YAML: {told}"):
        load_yaml(tmp_path / "a.yaml")


def test_what_is_merged_in_may_be_said_again(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "a: &a {x: 1, y: 2}\nb: &b {<<: *a, y: 3}\nc: [{<<: *b, x: 4}, *a, *b]\nd: {y: 1}\n"
    )
    found = load_yaml(tmp_path / "a.yaml")
    assert found["b"] == {"x": 1, "y": 3}
    assert found["c"] == [{"x": 4, "y": 3}, found["a"], found["b"]]
    (tmp_path / "b.yaml").write_text("q: {p: &p {<<: {x: 0}, x: 1}}\nr: {<<: *p}\n")
    assert load_yaml(tmp_path / "b.yaml") == {"q": {"p": {"x": 1}}, "r": {"x": 1}}


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "word"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=r"a\.yaml is not a mapping of names to values"):
        load_yaml(tmp_path / "a.yaml")


def test_a_missing_file_and_one_that_is_no_yaml_are_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.yaml is missing: run this from the repository's folder"):
        load_yaml(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("a: [1\n")
    with pytest.raises(UserError, match=r"a\.yaml is not valid YAML: .*line 2"):
        load_yaml(tmp_path / "a.yaml")
    with pytest.raises(UserError, match="it is no file"):
        load_yaml(tmp_path)
