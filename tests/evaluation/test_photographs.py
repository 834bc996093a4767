import json

import numpy as np
import pytest
from PIL import Image

from sharploss.config.loss_spec import Term
from sharploss.config.run_config import RunConfig
from sharploss.evaluation import photographs
from sharploss.evaluation.photographs import main, read_photograph
from sharploss.record.paths import paths
from sharploss.training.checkpoint import read_metadata, save_weights
from sharploss.training.state import make_network, with_defaults
from sharploss.utils.errors import UserError

SETTINGS = {"loss": {"l1": 1}, "recipe": {"steps": 3, "batch": 1, "patch": 8, "learning_rate": 0.1}, "seed": 0}
NETWORKS = {2: {"network": "espcn", "width": 4}, 1: {"network": "dncnn", "depth": 3, "width": 4}}
TASKS = {
    2: {"kind": "sr", "scale": 2, "train": ["t"], "validation": ["v"], "test": ["a"]},
    1: {"kind": "sharpen", "train": ["t"], "validation": ["v"], "test": ["a"]},
}


def trained(path, scale=2, status="finished"):
    settings = {**SETTINGS, "task": TASKS[scale], "network": NETWORKS[scale]}
    config = with_defaults(RunConfig.model_validate(settings))
    about = {"key": "x", "status": status, "config": json.dumps(config.model_dump(mode="json"))}
    save_weights(path, make_network(config), about)
    return path


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(photographs, "claim_cores", lambda: 1)
    return trained(tmp_path / "own.safetensors")


def picture(mode, size=(13, 9)):
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return Image.fromarray(values, "RGBA").convert(mode)


def restored(name, *options):
    code = main([name, "--run", "own.safetensors", *options])
    return code, read(f"restored/{name.rsplit('.', 1)[0]}_own.png")


def read(path):
    with Image.open(path) as image:
        image.load()
    return image


@pytest.mark.parametrize(
    ("name", "mode", "after", "said"),
    [
        ("a.png", "RGB", "RGB", ""),
        ("a.jpg", "RGB", "RGB", ""),
        ("a b \N{LATIN SMALL LETTER E WITH ACUTE} 100%.png", "RGB", "RGB", ""),
        ("grey.png", "L", "L", ""),
        ("bits.png", "1", "L", ""),
        ("palette.gif", "P", "RGB", ""),
        ("clear.png", "RGBA", "RGBA", "transparency enlarged by bicubic"),
        ("print.tif", "CMYK", "RGB", "CMYK became RGB"),
    ],
)
def test_usual_kinds_are_restored_and_what_is_lost_is_said(capsys, name, mode, after, said):
    picture(mode).save(name)
    code, image = restored(name)
    assert (code, image.mode, image.size) == (0, after, (26, 18))
    printed = capsys.readouterr().out
    assert f"{name} -> restored/" in printed
    assert "13x9 to 26x18" in printed
    assert said in printed


def test_16_bits_become_8_by_rounding(weights, capsys):
    levels = np.arange(0, 65536, 257 * 5, dtype=np.uint16).reshape(4, -1)[:, :13]
    Image.fromarray(np.minimum(levels, 65435) + 100).save("deep.png")
    assert read_photograph(weights.with_name("deep.png")).rgb[0].tolist() == (levels / 257).round().tolist()
    code, image = restored("deep.png")
    assert (code, image.mode) == (0, "L")
    assert "8 of its 16 bits" in capsys.readouterr().out


def test_an_image_on_its_side_is_put_upright(capsys):
    image = picture("RGB")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save("side.jpg", exif=exif)
    code, image = restored("side.jpg")
    assert (code, image.size) == (0, (18, 26))
    assert "turned as its EXIF orientation says" in capsys.readouterr().out


def test_an_orientation_that_there_is_not_turns_nothing_and_nothing_is_said(weights):
    image = picture("RGB")
    exif = image.getexif()
    exif[0x0112] = 99
    image.save("side.jpg", exif=exif)
    assert read_photograph(weights.with_name("side.jpg")).notes == []


def test_a_folder_has_the_images_that_are_taken_by_name_and_the_rest_is_counted(weights, capsys):
    (weights.with_name("in") / "sub").mkdir(parents=True)
    for name in ("bare.png", "b.gif", "c.ppm", "a_own.png", "a_own_beside.png"):
        picture("RGB").save(f"in/{name}")
    (weights.with_name("in") / "bare.png").rename("in/bare")
    weights.with_name("in").joinpath("note.txt").write_text("no image")
    found = photographs.images_named(["in", "in/bare"], "own")
    assert [path.name for path in found] == ["b.gif", "bare", "c.ppm"]
    said = capsys.readouterr().out
    assert "in: passed over are " in said
    for part in ("folders in it, which are not searched (1)", "outputs of own (2)", "no images (1)"):
        assert part in said


@pytest.mark.parametrize("inside", ["", "sub"])
def test_a_folder_without_images_is_called_one(weights, capsys, inside):
    (weights.with_name("in") / inside).mkdir(parents=True)
    assert main(["in", "--run", "own.safetensors"]) == 1
    assert "The folder in holds no images to restore (folders in it are not searched)" in capsys.readouterr().err


def test_a_second_run_into_the_folder_of_the_inputs_enlarges_no_output(weights, capsys):
    weights.with_name("in").mkdir()
    picture("RGB").save("in/a.png")
    asked = ["in", "--run", "own.safetensors", "--output", "in", "--side-by-side", "--overwrite"]
    assert (main(asked), main(asked)) == (0, 0)
    names = sorted(path.name for path in weights.with_name("in").iterdir())
    assert names == ["a.png", "a_own.png", "a_own_beside.png"]
    assert "outputs of own (2)" in capsys.readouterr().out


def test_of_several_frames_the_first_is_restored(capsys):
    first = picture("RGB")
    first.save("many.gif", save_all=True, append_images=[first.rotate(180)])
    assert restored("many.gif")[0] == 0
    assert "the first of 2 frames" in capsys.readouterr().out


@pytest.mark.parametrize("size", [(1, 1), (700, 2), (3, 1100)])
def test_any_size_is_restored(size):
    picture("RGB", size).save("a.png")
    assert restored("a.png")[1].size == (2 * size[0], 2 * size[1])


def test_tasks_that_keep_the_size_keep_it(weights):
    trained(weights, scale=1)
    picture("RGB").save("a.png")
    assert restored("a.png")[1].size == (13, 9)


def test_both_are_set_side_by_side_on_request():
    picture("RGBA").save("a.png")
    restored("a.png", "--side-by-side")
    beside = read("restored/a_own_beside.png")
    assert (beside.mode, beside.size) == ("RGBA", (52, 18))
    assert np.array_equal(np.asarray(beside)[:, 26:], np.asarray(read("restored/a_own.png")))


def test_what_cannot_be_read_is_said_and_the_rest_go_on(weights, capsys):
    picture("RGB").save("good.png")
    whole = weights.with_name("good.png").read_bytes()
    bad = {"cut.png": whole[:60], "empty.png": b"", "text.jpg": b"no image", "folder.png/x": b"", "missing.png": None}
    for name, content in bad.items():
        path = weights.with_name("bad") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content)
    names = [f"bad/{name.split('/')[0]}" for name in bad]
    assert main([*names, "good.png", "--run", "own.safetensors"]) == 1
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert [any(name in line and line.startswith("error: ") for line in lines) for name in names] == [True] * 5
    assert len(lines) == 5
    assert "1 of 6 images restored" in told.out
    assert [path.name for path in weights.with_name("restored").iterdir()] == ["good_own.png"]


def test_nothing_is_replaced_unasked_and_an_input_never(weights, capsys):
    picture("RGB").save("a.png")
    assert main(["a.png", "--run", "own.safetensors"]) == 0
    kept = weights.with_name("restored") / "a_own.png"
    kept.write_bytes(b"mine")
    assert main(["a.png", "--run", "own.safetensors"]) == 1
    assert kept.read_bytes() == b"mine"
    assert "is there already: add --overwrite" in capsys.readouterr().err
    assert main(["a.png", "--run", "own.safetensors", "--overwrite"]) == 0
    before = kept.read_bytes()
    assert main(["a.png", str(kept), "--run", "own.safetensors", "--overwrite"]) == 1
    assert kept.read_bytes() == before
    assert "is itself an image to restore" in capsys.readouterr().err


def test_two_images_of_one_name_do_not_replace_each_other(weights, capsys):
    for folder in ("one", "two"):
        weights.with_name(folder).mkdir()
        picture("RGB").save(f"{folder}/a.png")
    assert main(["one", "two", "--run", "own.safetensors"]) == 1
    assert "two/a.png and one/a.png would both become restored/a_own.png" in capsys.readouterr().err


def test_networks_are_found_by_file_and_by_name(weights, capsys):
    files = paths("benchmark", weights.parent)
    trained(files.flagship / "flag.safetensors")
    (weights.parent / "params.yaml").write_text("study: benchmark")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(photographs, "current_study", lambda: "benchmark")
        trained(files.weights("sr_x2-espcn", "sr_x2-espcn-l1-s0"))
        trained(files.weights("extractors", "mine"))
        assert main(["--list"]) == 0
        printed = capsys.readouterr().out
        assert [line.split()[0] for line in printed.splitlines()] == ["flag", "sr_x2-espcn-l1-s0"]
        assert "enlarges x2" in printed
        assert photographs.describe_term("sploss", Term(weight=0.5, alpha=2.0)) == "0.5 sploss (alpha 2)"
        with pytest.raises(UserError, match="There is no trained network 'flog': did you mean 'flag'"):
            photographs.open_network("flog")
        assert photographs.open_network("flag").scale == 2
    with pytest.raises(UserError, match=r"no\.safetensors is missing"):
        photographs.open_network("no.safetensors")
    trained(weights, status="diverged")
    with pytest.raises(UserError, match="did not finish"):
        photographs.open_network("own.safetensors")


def test_a_folder_that_cannot_be_written_is_named(weights):
    picture("RGB").save("a.png")
    weights.with_name("file").write_bytes(b"")
    for folder in ("file", "file/below"):
        with pytest.raises(UserError, match=f"--output {folder} cannot be a folder to write to"):
            main(["a.png", "--run", "own.safetensors", "--output", folder])


def test_the_networks_that_come_with_the_repository_are_the_measured_ones_and_found_from_any_folder(repository):
    known, scores = photographs.weights_here(), paths("benchmark", repository).scores("sr_x4-edsr")
    measured = json.loads(scores.notes.read_text())["weights_sha256"]
    for name in ("edsr_x4_l1", "edsr_x4_sploss"):
        assert known[name].stat().st_size < 3.1e6
        about = read_metadata(known[name])
        assert about["float32_sha256"] == measured[about["key"]]
        assert photographs.open_network(name).scale == 4
