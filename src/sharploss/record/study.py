"""The typed study that a name stands for: params.yaml where that is the one, else its file of studies/."""

from pathlib import Path

from sharploss.config.params import Params, load_params
from sharploss.record.paths import STUDIES
from sharploss.utils.errors import UserError, unknown

PARAMS = "params.yaml"


def study_file(study: str, root: Path = Path()) -> Path:
    """Return the file that a study is kept in."""
    return root / STUDIES / f"{study}.yaml"


def study_names(root: Path = Path()) -> list[str]:
    """Return the names of all studies that are kept."""
    return sorted(path.stem for path in (root / STUDIES).glob("*.yaml"))


def load_study_params(study: str, root: Path = Path()) -> Params:
    """Read the parameters of a study; UserError where there is none, or its file is damaged or names another."""
    current = root / PARAMS
    if current.is_file():
        params = load_params(current)
        if params.study == study:
            return params
    path = study_file(study, root)
    if not path.is_file():
        raise unknown("study", study, study_names(root))
    params = load_params(path)
    if params.study != study:
        raise UserError(f"{path}: study is {params.study}: a study's file has its name.")
    return params


def current_study(root: Path = Path()) -> str:
    """Return the name of the study that params.yaml holds."""
    return load_params(root / PARAMS).study
