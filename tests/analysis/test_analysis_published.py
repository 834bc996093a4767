import shutil
from pathlib import Path

import pytest

from sharploss.analysis.published import PUBLISHED, PublishedTables, demo, load_index, published_values, reference
from sharploss.utils.errors import UserError
from sharploss.utils.models import load_model

ROOT = Path(__file__).parents[2]
COUNTS = {
    "sploss_table1": 128,
    "sploss_table2": 8,
    "sploss_table3": 32,
    "gv_table1": 144,
    "gv_table2": 18,
    "sharpgan_table1": 8,
}


@pytest.fixture(scope="module")
def table():
    return published_values(ROOT)


@pytest.fixture
def own(tmp_path):
    shutil.copytree(ROOT / PUBLISHED, tmp_path / PUBLISHED)
    load_index.cache_clear()
    return tmp_path


def test_every_published_value_is_here(table):
    counts = table.groupby("table", sort=False).size().to_dict()
    assert list(counts) == list(load_index(ROOT).tables)
    assert {name: counts[name] for name in COUNTS} == COUNTS
    assert sum(COUNTS.values()) == 338
    assert table["value"].notna().all()


def test_no_cell_is_printed_twice(table):
    keys = ["table", "task", "label_network", "label_loss", "alpha", "dataset", "metric"]
    assert not table.duplicated(keys).any()


def test_values_are_plausible_for_their_metric(table):
    limits = {"psnr": (20, 40), "ssim": (0.6, 1), "lpips": (0, 0.5), "niqe": (2, 10)}
    for metric, (low, high) in limits.items():
        values = table.loc[table["metric"] == metric, "value"]
        assert values.between(low, high).all()


def value(frame, **where):
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    (found,) = frame["value"]
    return found


def test_names_are_ours(table):
    assert value(table, table="sploss_table1", network="nlsn", loss="sploss", dataset="b100", metric="psnr") == 27.56
    assert value(table, table="sploss_table1", loss="esrgan_sploss", dataset="set5", metric="niqe") == 4.7905
    assert value(table, table="sploss_table2", loss="mprnet_original", metric="lpips") == 0.0908
    assert value(table, table="sploss_table3", loss="sploss_a1", metric="psnr") == 29.00
    assert value(table, table="gv_table2", loss="ssim_tv", metric="ssim") == 0.922874
    assert value(table, table="sharpgan_table1", loss="sharpgan", metric="ssim") == 0.933


def test_decimals_are_those_published(table):
    assert set(table.loc[table["metric"] == "psnr", "decimals"]) == {2}
    assert set(table.loc[table["table"] == "gv_table2", "decimals"]) == {2, 6}


def test_an_altered_value_is_noticed(own):
    path = own / PUBLISHED / "gv_table1.csv"
    path.write_text(path.read_text().replace("27.41", "27.42", 1))
    with pytest.raises(UserError, match=r"gv_table1\.csv is not what tables\.yaml describes"):
        published_values(own)


def test_a_missing_file_is_named(own):
    (own / PUBLISHED / "sploss_table2.csv").unlink()
    with pytest.raises(UserError, match=r"sploss_table2\.csv is missing"):
        published_values(own)


def test_a_name_without_a_meaning_is_named(own):
    path = own / PUBLISHED / "tables.yaml"
    path.write_text(path.read_text().replace("    ESPCN: espcn", "    ESPCNN: espcn"))
    with pytest.raises(UserError, match="gv_table1: There is no network 'ESPCN': did you mean 'ESPCNN'"):
        published_values(own)


def test_an_unknown_key_is_named_with_the_nearest(own):
    path = own / PUBLISHED / "tables.yaml"
    path.write_text(path.read_text().replace("budget:", "budgett:", 1))
    with pytest.raises(UserError, match=r"tables\.sploss_table1: There is no key 'budgett': did you mean 'budget'"):
        published_values(own)


def test_references_have_numbers_and_are_checked(own):
    table = reference(own, "interpolation")
    assert len(table) == 36
    assert table["psnr_rgb_noshave"].dtype.kind == "f"
    with pytest.raises(UserError, match="did you mean 'interpolation'"):
        reference(own, "interpolations")


def test_the_demonstration_has_our_names():
    table = demo(ROOT)
    after = table[table["protocol"] == "after_500"].set_index("loss")["value"]
    assert after["mdf"] == 50.7886
    assert after["vgg"] == 9.9502
    assert set(table["protocol"]) == {"after_25", "after_100", "after_500"}


def test_every_file_is_told_in_the_readme():
    text = (ROOT / PUBLISHED / "README.md").read_text()
    for path in (ROOT / PUBLISHED).rglob("*.*"):
        assert path.name in text or path.name == "README.md"


def test_a_file_that_is_no_mapping_is_told(tmp_path):
    (tmp_path / "x.yaml").write_text("[]")
    with pytest.raises(UserError, match=r"x\.yaml is not a mapping"):
        load_model(tmp_path / "x.yaml", PublishedTables)
