"""YAML files, read fast and within bounds: none that a person can write, or an attacker, hangs or fills the memory."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from sharploss.utils.errors import UserError

YAML_BYTES, YAML_NODES, YAML_DEPTH = 32 << 20, 2_000_000, 50
"""The most that a YAML file may hold: a plan of 1000 runs has 0.3 MB and 30,000 nodes, 4 deep."""

YAML_WORD, YAML_NUMBER = 10_000, 1000
"""Letters in one value; YAML's hexadecimal and base 60 make numbers that Python takes for ever to read or print."""


def load_yaml(path: str | Path) -> Any:
    """Read a YAML file with C speed and bounded.

    Raises:
        UserError: it is missing, malformed, enormous or bottomless, or holds a key twice.
    """
    # The C loader is some ten times faster, and thousand-run plans are read by every stage.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = _yaml_text(Path(path))
        _bound(yaml.parse(text, Loader=loader))
        return _load(loader(text))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run this from the repository's folder.") from None
    except OSError:
        raise
    except Exception as error:  # beside YAMLError, whatever int(), datetime and re raise for values that are none
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def _load(loader: Any) -> Any:
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_keys_twice(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_keys_twice(node: yaml.Node) -> None:
    """Refuse what YAML forbids and PyYAML lets through: of a key that is there twice it would take the last."""
    waiting, known = [node], {id(node)}
    while waiting:
        node = waiting.pop()
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            parts += (part for pair in node.value for part in pair)
            keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            first = {key.value: key for key in reversed(keys)}
            again = next((key for key in keys if first[key.value] is not key), None)
            if again:
                lines = f"{first[again.value].start_mark.line + 1} and {again.start_mark.line + 1}"
                raise ValueError(f"the key '{again.value[:80]}' is there twice, in lines {lines}")
        elif isinstance(node, yaml.SequenceNode):
            parts += node.value
        waiting += [part for part in parts if id(part) not in known]
        known.update(map(id, parts))


def _yaml_text(path: Path) -> str:
    """Read a file's text; devices and pipes, also behind a link, would never end."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    if path.stat().st_size > YAML_BYTES:
        raise ValueError(f"it has more than {YAML_BYTES >> 20} MiB")
    return path.read_text(encoding="utf-8")


def _bound(events: Iterable[Any]) -> None:
    """Refuse what is small to write and endless to read: aliases of aliases ("billion laughs") and deep nesting."""
    sizes: dict[str, int] = {}  # of what an anchor stands for, every alias written out
    open_: list[tuple[str | None, int]] = []  # anchor and the nodes counted before it
    count = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            # Within its own anchor it would have no end; one of nothing is told by the loader.
            endless = any(anchor == event.anchor for anchor, _ in open_)
            count += YAML_NODES + 1 if endless else sizes.get(str(event.anchor), 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            count += 1
            open_.append((event.anchor, count - 1))
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            sizes[str(event.anchor)] = 1
            number = event.implicit[0] and event.value[:1] in set("+-.0123456789")
            if len(event.value) > (YAML_NUMBER if number else YAML_WORD):
                raise ValueError(f"its {'number' if number else 'word'} {event.value[:20]}... is too long")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            sizes[str(anchor)] = count - before
        if count > YAML_NODES or len(open_) > YAML_DEPTH:
            raise ValueError("its aliases or brackets are nested without end")
