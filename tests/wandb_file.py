"""A file of W&B's, as it writes one of a run: LevelDB's log format, with W&B's records."""

import json
import struct
import zlib

from sharploss.tracking.follower import SENT

BLOCK = 2**15


def write(folder, config, tags, names):
    """Write the file of a run that was sent: its configuration and tags, and a summary with these names."""
    from wandb.proto.wandb_internal_pb2 import Record

    run, summary = Record(), Record()
    run.run.tags.extend(tags)
    for name, value in config.items():
        run.run.config.update.add(key=name, value_json=json.dumps(value))
    for name in (*names, "_step"):
        summary.summary.update.add(nested_key=[name, "part"], value_json="1")
    content = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for record in (run, summary):
        _append(content, record.SerializeToString())
    folder.mkdir(parents=True)
    (folder / SENT).write_text("0 1")
    path = folder / f"{folder.name.split('-', 2)[-1]}.wandb"
    path.write_bytes(content)
    return path


def _append(content, text):
    first = True
    while True:
        left = BLOCK - len(content) % BLOCK
        if left < 7:
            content += bytes(left)
            continue
        part, text = text[: left - 7], text[left - 7 :]
        kind = (1 if first else 4) if not text else (2 if first else 3)
        content += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
        first = False
        if not text:
            return
