"""How far a training is, read from its growing record."""

import json


def last_step(key, scratch):
    """How many steps a run has done, from the record that it wrote last; 0 when there is none."""
    # A key can be the beginning of another; what follows it is twelve hexadecimal digits.
    records = list(scratch.glob(f"{key}-{'[0-9a-f]' * 12}/history.jsonl"))
    if not records:
        return 0
    lines = max(records, key=lambda path: path.stat().st_mtime).read_bytes().split(b"\n")[:-1]
    return json.loads(lines[-1]).get("step", 0) if lines else 0
