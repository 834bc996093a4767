"""Read YAML files fast, and without what YAML forbids and PyYAML lets through: a key that is there twice."""

from pathlib import Path
from typing import Any

import yaml

from sharploss.utils.errors import UserError, cut

# The C loader is some ten times faster, and every stage reads plans of a thousand runs.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DIGITS = 1000  # of an integer, in any base


class _Loader(_SafeLoader):
    """PyYAML's safe loader; of a key that is there twice it does not take the last."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Build an integer, refusing one that Python could not print again."""
        if len(node.value) > MAX_DIGITS:
            raise ValueError(f"a number of {len(node.value)} digits in line {node.start_mark.line + 1}")
        return super().construct_yaml_int(node)

    def construct_document(self, node: yaml.Node) -> Any:
        """Build what a file holds."""
        _refuse_duplicate_keys(node, set())
        return super().construct_document(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def load_yaml(path: str | Path, remedy: str = "correct it, or restore it from git") -> Any:
    """Read a YAML file that holds a mapping, else raise UserError; `remedy` is what to do about what holds none."""
    if Path(path).exists() and not Path(path).is_file():  # a device or a pipe would never end
        raise UserError(f"{path} is not valid YAML: it is no file.")
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run this from the repository's folder.") from None
    except OSError:
        raise
    except Exception as error:  # beside YAMLError, whatever int(), datetime and re raise for values that are none
        raise UserError(f"{path} is not valid YAML: {cut(' '.join(str(error).split()), 300)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a mapping of names to values: {remedy}.")
    return content  # pyright: ignore[reportUnknownVariableType]


def _refuse_duplicate_keys(node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    children = node.value
    if isinstance(node, yaml.MappingNode):
        children = [child for pair in node.value for child in pair]
        first: dict[str, int] = {}
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            line = key.start_mark.line + 1
            if key.value in first:
                raise ValueError(f"the key '{cut(key.value)}' is there twice, in lines {first[key.value]} and {line}")
            first[key.value] = line
    for child in children:
        _refuse_duplicate_keys(child, seen)
