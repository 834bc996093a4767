"""Import packages that come with an extra: without them, what needs them says so in one sentence."""

import importlib
import re
import warnings
from typing import Any

from sharploss.utils.errors import AssetMissingError, cut, how_to_install


def optional_package(module: str) -> Any:
    """Import a module of a package that only some need; AssetMissingError where it fails, in whatever way."""
    package = module.partition(".")[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a half-installed package fails with whatever its own imports meet
        absent = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0]
        # Without folders, which differ from machine to machine.
        words = re.sub(r"(/[^\s/:'\"()]+)+/", "", cut(" ".join(str(error).split()), 160)) or type(error).__name__
        what = "is not installed" if absent == package else f"cannot be imported ({words})"
        reason, cure = f"the package {package} {what}", how_to_install(package)
        raise AssetMissingError(f"{reason}: {cure}.", reason, cure) from None


def progress_bar(*over: Any, **options: Any) -> Any:
    """Return tqdm's progress bar, which is shown on terminals alone."""
    return optional_package("tqdm").tqdm(*over, disable=options.pop("disable", None), **options)
