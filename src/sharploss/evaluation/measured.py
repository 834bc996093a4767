"""What was measured of one run, kept so that the scores of its group are written without measuring it again."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sharploss.data.pack import Pack
from sharploss.record.paths import key_of
from sharploss.record.scores import Notes, Score, Scores
from sharploss.training.checkpoint import config_hash
from sharploss.training.device import describe_hardware
from sharploss.utils.checksum import add_checksum, verify_checksum
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256, write_bytes

WHOLE_IMAGE = ""  # the whole image, where a crop's name stands


class Measured(NamedTuple):
    """All rows of a run, and by name its crops, (3, H, W) uint8, with the image that gradient variances are of."""

    scores: Scores
    pictures: dict[str, Tensor]


def identity_of(weights: Path, packs: Sequence[Pack], settings: Mapping[str, Any] | None, device: torch.device) -> str:
    """Hash all that the numbers of a run depend on: its weights, the images, settings and code, and what computes."""
    computes = [describe_hardware(device), torch.__version__]
    images = [[pack.sha256, pack.names, pack.missing, pack.left_out] for pack in packs]
    return config_hash({"weights": sha256(weights), "images": images, "settings": settings, "computes": computes})


def save_measured(path: Path, identity: str, one: Measured) -> None:
    """Write what was measured of a run, as safetensors with a checksum."""
    rows = [row[1:] for row in one.scores.rows]
    texts = {"rows": json.dumps(rows), "notes": one.scores.notes.model_dump_json()}
    write_bytes(path, add_checksum(save(one.pictures, metadata={"identity": identity, **texts})))


def load_measured(path: Path, identity: str) -> Measured | None:
    """Read what was measured of the run that a file is named after; None where it is not there, or of something else.

    Of a damaged file a line on stderr says that the run is measured again.
    """
    if not path.is_file():
        return None
    try:
        verify_checksum(path)
        with safe_open(path, framework="pt") as file:
            about: dict[str, str] = file.metadata()
            if about["identity"] != identity:
                return None
            pictures = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        rows = [Score(key_of(path), *row) for row in json.loads(about["rows"])]
        notes = Notes.model_validate_json(about["notes"])
        return Measured(Scores(rows, notes), pictures)
    except (UserError, SafetensorError, LookupError, TypeError, ValueError):
        print(f"warning: {path} is damaged: {key_of(path)} is measured again", file=sys.stderr)
        return None
