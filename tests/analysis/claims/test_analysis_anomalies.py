import shutil
from pathlib import Path

import pytest
import yaml

from sharploss.analysis.claims.anomalies import anomalies
from sharploss.analysis.published import PUBLISHED, load_index
from sharploss.utils.errors import UserError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def found():
    return anomalies(ROOT)


def test_all_eleven_are_listed_and_what_follows_from_the_cells_is_there(found):
    assert list(found) == [f"D{number}" for number in range(1, 12)]
    assert {key for key, one in found.items() if one["holds"] is None} == {"D10", "D11"}
    assert all(one["holds"] for key, one in found.items() if key not in ("D10", "D11"))
    assert all(one["evidence"] for one in found.values() if one["holds"])


# By hand, from the published tables (facts.md, section D).
@pytest.mark.parametrize(
    ("key", "name", "value"),
    [
        ("D1", "edsr x3 minus x4, set5", 26.49 - 30.47),
        ("D1", "edsr x3 minus x4, set14", 22.45 - 24.95),
        ("D1", "edsr x3 minus x4, urban100", 20.29 - 22.21),
        ("D1", "bicubic x3 without crop minus with, set5", 26.9121 - 28.6167),
        ("D2", "gain if rounded", 0.0097),
        ("D2", "gain if the second decimal is a slip", 0.0007),
        ("D3", "vdsr minus bicubic, Set5 x2", 30.38 - 31.7868),
        ("D3", "espcn minus bicubic, Urban100 x2", 24.73 - 25.4295),
        ("D5", "ssim minus l2", 31.77 - 30.13),
        ("D6", "ssim_tv minus ssim", 0.922874 - 0.924859),
        ("D7", "ssim: nlsn minus edsr", 0.7416 - 0.7420),
        ("D7", "ssim: nlsn minus its own paper", 0.7416 - 0.7444),
        ("D8", "lpips: range from alpha 6 on", 0.0001),
        ("D8", "ssim: alpha 2 minus 1", 0.0001),
        ("D9", "ssim minus its own paper", 0.9362 - 0.959),
    ],
)
def test_the_evidence_is_that_of_the_tables(found, key, name, value):
    assert found[key]["evidence"][name] == pytest.approx(value, abs=1e-6)


@pytest.fixture
def own(tmp_path):
    shutil.copytree(ROOT / PUBLISHED, tmp_path / PUBLISHED)
    load_index.cache_clear()
    return tmp_path


def alter(root, change):
    """Change the list and leave in it what that changed, for all others stay as they were."""
    path = root / PUBLISHED / "anomalies.yaml"
    text = path.read_text()
    assert change[0] in text
    before, after = yaml.safe_load(text), yaml.safe_load(text.replace(*change))
    path.write_text(
        yaml.safe_dump({key: about for key, about in after.items() if about != before[key]}, sort_keys=False)
    )
    return root


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tables: [sploss_table2]", "tables: [sploss_tabel2]", "D9: There is no table 'sploss_tabel2': did you mean"),
        ("from: interpolation", "from: interpolations", "D1: There is no reference 'interpolations': did you mean"),
        ("network: MPRNet", "netwerk: MPRNet", "D9: There is no column 'netwerk': did you mean 'network'"),
        ("network: MPRNet", "network: MPRnet", "D9: 0 printed numbers have network MPRnet, metric SSIM_MATLAB3D"),
        ("loss: ssim_tv}", "network: vdsr}", "D6: [0-9]+ printed numbers have table gv_table2, metric ssim, network"),
        ("size: 0.5", "sice: 0.5", "There is no key 'sice': did you mean 'size'"),
        ("take: range", "take: spread", "'spread'"),
    ],
)
def test_names_and_numbers_that_are_not_there_are_told(own, old, new, message):
    with pytest.raises(UserError, match=message):
        anomalies(alter(own, (old, new)))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("size: 0.5", "size: 0.3", "D4"),
        ("above: 0.01}", "above: 0.02}", "D4"),
        ("below: -0.01", "below: -0.03", "D9"),
        ("take: count}, equal: 1", "take: count}, equal: 2", "D2"),
        ("take: range}, above: 0, below: 0.00015", "take: mean}, above: 0, below: 0.00015", "D8"),
    ],
)
def test_an_anomaly_that_the_numbers_do_not_show_is_not_held_up(own, old, new, key):
    found = anomalies(alter(own, (old, new)))
    assert [name for name, one in found.items() if one["holds"] is False] == [key]
