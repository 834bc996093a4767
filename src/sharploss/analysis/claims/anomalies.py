"""What is odd about the published tables: the list, and its evidence computed again from the cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sharploss.analysis.published import PUBLISHED, load_index, published_values, reference
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.yaml_files import load_yaml

if TYPE_CHECKING:
    import pandas as pd

Evidence = dict[str, float]
Check = Callable[["pd.DataFrame", Path], tuple[Evidence, bool]]


def anomalies(root: Path) -> dict[str, dict[str, Any]]:
    """List the anomalies of results/published/anomalies.yaml with their evidence.

    Returns:
        key -> tables, statement, reading, evidence (name -> number) and holds (whether the numbers show what the
        statement says; None where nothing follows from the cells).

    Raises:
        UserError: the list names a check or a table that does not exist.
    """
    listed = cast("dict[str, dict[str, Any]]", load_yaml(root / PUBLISHED / "anomalies.yaml"))
    table, index = published_values(root), load_index(root)
    found: dict[str, dict[str, Any]] = {}
    for key, about in listed.items():
        for name in about["tables"]:
            if name not in index.tables:
                raise UserError(f"anomalies.yaml, {key}: {unknown('table', name, index.tables)}")
        evidence, holds = _examine(key, about["check"], table, root)
        found[key] = {
            **{name: about[name] for name in ("tables", "statement", "reading")},
            "evidence": {name: round(value, 6) for name, value in evidence.items()},
            "holds": holds,
        }
    return found


def _examine(key: str, check: str | None, table: pd.DataFrame, root: Path) -> tuple[Evidence, bool | None]:
    if check is None:
        return {}, None
    if check not in CHECKS:
        raise UserError(f"anomalies.yaml, {key}: {unknown('check', check, CHECKS)}")
    return CHECKS[check](table, root)


def _value(frame: pd.DataFrame, **where: Any) -> float:
    """Return the one value that `where` picks out."""
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    (value,) = frame["value"]
    return float(value)


def scale_three_below_four(table: pd.DataFrame, root: Path) -> tuple[Evidence, bool]:
    """PSNR of EDSR at x3 minus x4 (dB), per set; and bicubic on Set5, without minus with a crop to a multiple."""
    edsr = {"table": "gv_table1", "network": "edsr", "loss": "l1", "metric": "psnr"}
    evidence = {
        f"edsr x3 minus x4, {data}": _value(table, **edsr, dataset=data, task="sr_x3")
        - _value(table, **edsr, dataset=data, task="sr_x4")
        for data in ("set5", "set14", "urban100", "div2k_val")
    }
    bicubic = reference(root, "interpolation").rename(columns={"psnr_rgb_noshave": "value"})
    for scale in (2, 3, 4):
        both = [_value(bicubic, dataset="Set5", scale=scale, protocol=f"{crop}_BC") for crop in ("nomod", "mod")]
        evidence[f"bicubic x{scale} without crop minus with, set5"] = both[0] - both[1]
    low = all(evidence[f"edsr x3 minus x4, {data}"] < 0 for data in ("set5", "set14", "urban100"))
    shift = [evidence[f"bicubic x{scale} without crop minus with, set5"] for scale in (2, 3, 4)]
    return evidence, low and evidence["edsr x3 minus x4, div2k_val"] > 0 and shift[0] == 0 == shift[2] and shift[1] < -1


def odd_decimals(table: pd.DataFrame, _root: Path) -> tuple[Evidence, bool]:
    """SSIM values with another number of decimals than the rest, and the gains of the two readings of the one."""
    ssim = table[(table["table"] == "gv_table1") & (table["metric"] == "ssim")]
    odd = ssim[ssim["decimals"] != ssim["decimals"].mode().iloc[0]]
    value = float(odd["value"].iloc[0])
    base = _value(ssim, network="edsr", loss="l1", dataset="div2k_val", task="sr_x4")
    # Either the fifth decimal is one too many, or the second, typed twice, is.
    digits = f"{value:.5f}"
    slip = float(digits[:3] + digits[4:])
    evidence = {"odd values": float(len(odd)), "value": value, "gain if rounded": round(value, 4) - base}
    evidence["gain if the second decimal is a slip"] = slip - base
    return evidence, len(odd) == 1


def below_bicubic(table: pd.DataFrame, root: Path) -> tuple[Evidence, bool]:
    """PSNR of VDSR and ESPCN minus that of bicubic enlargement (RGB, dB)."""
    bicubic = reference(root, "interpolation").rename(columns={"psnr_rgb_noshave": "value"})
    evidence = {
        f"{network} minus bicubic, {data} x{scale}": _value(
            table,
            table="gv_table1",
            network=network,
            loss="l2",
            metric="psnr",
            dataset=data.lower(),
            task=f"sr_x{scale}",
        )
        - _value(bicubic, dataset=data, scale=scale, protocol="mod_BC")
        for network in ("vdsr", "espcn")
        for data, scale in (("Set5", 2), ("Set14", 2), ("Urban100", 2), ("Set5", 4))
    }
    return evidence, all(value < 0 for value in evidence.values())


def mixed_protocol(table: pd.DataFrame, root: Path) -> tuple[Evidence, bool]:
    """EDSR on Set5 at x2, published minus official weights in RGB: PSNR (dB) and SSIM."""
    edsr = {"table": "gv_table1", "network": "edsr", "loss": "l1", "dataset": "set5", "task": "sr_x2"}
    official = {"network": "EDSR_L official", "dataset": "Set5", "scale": 2}
    base = reference(root, "baselines")
    evidence = {
        f"{metric} minus official in rgb": _value(table, **edsr, metric=metric)
        - _value(base, **official, metric=f"{metric.upper()}_RGB")
        for metric in ("psnr", "ssim")
    }
    psnr, ssim = evidence.values()
    return evidence, abs(psnr) < 0.5 and ssim > 0.01


def ssim_loss_wins_psnr(table: pd.DataFrame, _root: Path) -> tuple[Evidence, bool]:
    """PSNR of the SSIM loss minus that of L1 and of L2 (dB)."""
    rows = table[(table["table"] == "gv_table2") & (table["metric"] == "psnr")]
    ssim = _value(rows, loss="ssim")
    evidence = {f"ssim minus {loss}": ssim - _value(rows, loss=loss) for loss in ("l1", "l2")}
    return evidence, all(value > 0 for value in evidence.values())


def tv_lowers_ssim(table: pd.DataFrame, _root: Path) -> tuple[Evidence, bool]:
    """SSIM of the SSIM loss with total variation minus without."""
    rows = table[(table["table"] == "gv_table2") & (table["metric"] == "ssim")]
    change = _value(rows, loss="ssim_tv") - _value(rows, loss="ssim")
    return {"ssim_tv minus ssim": change}, change < 0


def nlsn_on_b100(table: pd.DataFrame, root: Path) -> tuple[Evidence, bool]:
    """NLSN minus EDSR on B100, NLSN minus its own paper, and the mean of Table 1 minus Table 3 (NLSN, alpha 2)."""
    one = {"table": "sploss_table1", "loss": "l1", "dataset": "b100"}
    evidence = {
        f"{metric}: nlsn minus edsr": _value(table, **one, metric=metric, network="nlsn")
        - _value(table, **one, metric=metric, network="edsr")
        for metric in ("psnr", "ssim")
    }
    own = _value(reference(root, "baselines"), network="NLSN", dataset="B100", metric="SSIM_Y")
    evidence["ssim: nlsn minus its own paper"] = _value(table, **one, metric="ssim", network="nlsn") - own
    evidence["ssim: mean of table 1 minus table 3"] = table_means(table)["ssim", "sploss"]
    psnr, ssim, paper, _ = evidence.values()
    return evidence, psnr > 0 > ssim and paper < 0


def table_means(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the mean of NLSN's four sets in SPLoss's Table 1 minus its Table 3, per metric and loss (alpha 0, 2)."""
    first = table[(table["table"] == "sploss_table1") & (table["network"] == "nlsn")]
    third = table[table["table"] == "sploss_table3"]
    return {
        (metric, loss): float(first.loc[(first["metric"] == metric) & (first["loss"] == loss), "value"].mean())
        - _value(third, metric=metric, loss=loss)
        for metric in ("psnr", "ssim", "lpips", "niqe")
        for loss in ("l1", "sploss")
    }


def narrow_optimum(table: pd.DataFrame, _root: Path) -> tuple[Evidence, bool]:
    """SSIM at alpha 2 minus alpha 1; the range of LPIPS from alpha 6 on."""
    third = table[table["table"] == "sploss_table3"]
    ssim = _value(third, metric="ssim", loss="sploss") - _value(third, metric="ssim", loss="sploss_a1")
    tail = third.loc[(third["metric"] == "lpips") & (third["alpha"] >= 6), "value"]
    evidence = {"ssim: alpha 2 minus 1": ssim, "lpips: range from alpha 6 on": float(tail.max() - tail.min())}
    return evidence, all(0 < value < 1.5e-4 for value in evidence.values())


def mprnet_ssim(table: pd.DataFrame, root: Path) -> tuple[Evidence, bool]:
    """MPRNet on GoPro, published minus its own paper: SSIM, and PSNR (dB)."""
    base = reference(root, "baselines")
    own = base[base["network"] == "MPRNet"]
    mine = {"table": "sploss_table2", "loss": "mprnet_original"}
    evidence = {
        "ssim minus its own paper": _value(table, **mine, metric="ssim") - _value(own, metric="SSIM_MATLAB3D"),
        "psnr minus its own paper": _value(table, **mine, metric="psnr") - _value(own, metric="PSNR_RGB"),
    }
    ssim, psnr = evidence.values()
    return evidence, ssim < -0.01 and psnr == 0


CHECKS: dict[str, Check] = {
    "scale_three_below_four": scale_three_below_four,
    "odd_decimals": odd_decimals,
    "below_bicubic": below_bicubic,
    "mixed_protocol": mixed_protocol,
    "ssim_loss_wins_psnr": ssim_loss_wins_psnr,
    "tv_lowers_ssim": tv_lowers_ssim,
    "nlsn_on_b100": nlsn_on_b100,
    "narrow_optimum": narrow_optimum,
    "mprnet_ssim": mprnet_ssim,
}
