"""Invented cells to test claims on: one network, one test set, values per image."""

import numpy as np
from pydantic import TypeAdapter

from sharploss.analysis.claims.contrasts import CellKey, Source
from sharploss.analysis.claims.spec import Test

CELL = CellKey("mini", "sr_x4", "edsr", "set5", "psnr", "y", "")
RNG = np.random.default_rng(0)
BASE = RNG.normal(30, 3, (40, 1))


def parsed(**test):
    return TypeAdapter(Test).validate_python(test)


HIGHER = parsed(kind="direction", metrics=["psnr"], sense="higher", pairs=[["gv", "l1"]])


def source(**losses):
    values = {CELL._replace(loss=name): table for name, table in losses.items() if table is not None}
    return Source([CELL._replace(loss=name) for name in losses], values)
