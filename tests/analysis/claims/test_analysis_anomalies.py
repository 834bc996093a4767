import shutil
from pathlib import Path

import pytest

from sharploss.analysis.claims.anomalies import CHECKS, anomalies, table_means
from sharploss.analysis.published import PUBLISHED, load_index, published_values
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


def test_every_check_is_used(found):
    assert sum(bool(one["evidence"]) for one in found.values()) == len(CHECKS)


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
        ("D8", "ssim: alpha 2 minus 1", 0.0001),
        ("D9", "ssim minus its own paper", 0.9362 - 0.959),
    ],
)
def test_the_evidence_is_that_of_the_tables(found, key, name, value):
    assert found[key]["evidence"][name] == pytest.approx(value, abs=1e-6)


def test_means_of_the_first_table_are_the_third_up_to_rounding():
    for (metric, _), difference in table_means(published_values(ROOT)).items():
        # Half a unit of the last digit in each of the tables.
        assert abs(difference) <= (0.0101 if metric == "psnr" else 0.000101)


@pytest.fixture
def own(tmp_path):
    shutil.copytree(ROOT / PUBLISHED, tmp_path / PUBLISHED)
    load_index.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("check: mprnet_ssim", "check: mprnet_sim", "D9: There is no check 'mprnet_sim': did you mean 'mprnet_ssim'"),
        ("[sploss_table2]", "[sploss_tabel2]", "D9: There is no table 'sploss_tabel2': did you mean 'sploss_table2'"),
    ],
)
def test_names_that_are_not_there_are_told(own, old, new, message):
    path = own / PUBLISHED / "anomalies.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        anomalies(own)
