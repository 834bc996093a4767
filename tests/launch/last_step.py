"""How far a training is, read from its growing record, and a step at which trainings of a clone wait."""

import json

PAUSE = 40
STEP = "            step(state.step)\n"
WAITING = f"""            while state.step == {PAUSE} and not interrupt.is_set() and not Path("go").exists():
                time.sleep(0.02)
"""


def pause(study):
    """Have every training of a clone wait after PAUSE steps, for a signal or the file `go` in the study's folder."""
    loop = study.folder / "src/sharploss/training/loop.py"
    text = loop.read_text()
    assert text.count(STEP) == 1
    loop.write_text(text.replace(STEP, WAITING + STEP))


def last_step(key, scratch):
    """How many steps a run has done, from the record that it wrote last; 0 when there is none."""
    # A key can be the beginning of another; what follows it is twelve hexadecimal digits.
    records = list(scratch.glob(f"{key}-{'[0-9a-f]' * 12}/history.jsonl"))
    if not records:
        return 0
    lines = max(records, key=lambda path: path.stat().st_mtime).read_bytes().split(b"\n")[:-1]
    return json.loads(lines[-1]).get("step", 0) if lines else 0
