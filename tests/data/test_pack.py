import json
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sharploss.data import open_pack, write_pack
from sharploss.utils.errors import UserError

SIZES = [((3, 8, 12), (3, 2, 3)), ((3, 5, 7), (3, 5, 7)), ((1, 1, 1), (1, 1, 1))]


def images(sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (f"set/{i}", *(torch.from_numpy(rng.integers(0, 256, size, dtype=np.uint8)) for size in pair))
        for i, pair in enumerate(sizes)
    ]


def write(path, pairs, **changes):
    options = {"role": "train", "sets": ["set"], "parameters": {"kind": "sr", "scale": 4}, "missing": {}}
    write_pack(path, iter(pairs), **(options | changes))
    return path


def resave(path, metadata=None, **tensors):
    """Write the pack again through the safetensors library, with changes."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        old = file.metadata()
    save_file(load_file(path) | tensors, path, old | (metadata or {}))


def test_what_goes_in_comes_out_and_safetensors_reads_it_too(tmp_path):
    pairs = images()
    pack = open_pack(write(tmp_path / "new" / "a.safetensors", pairs, missing={"other": "no network"}), verify=True)
    assert len(pack) == 3
    assert pack.names == ["set/0", "set/1", "set/2"]
    assert (pack.role, pack.sets, pack.missing) == ("train", ["set"], {"other": "no network"})
    assert pack.parameters == {"kind": "sr", "scale": 4}
    for index, (_, target, image) in enumerate(pairs):
        assert torch.equal(pack.target(index), target)
        assert torch.equal(pack.input(index), image)
    tensors = load_file(tmp_path / "new" / "a.safetensors")
    everything = b"".join(image.permute(1, 2, 0).numpy().tobytes() for _, *pair in pairs for image in pair)
    assert tensors["pixels"].numpy().tobytes() == everything
    assert tensors["images"][1].tolist() == [[306, 3, 5, 7], [411, 3, 5, 7]]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.safetensors"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.tuples(*[st.integers(1, 9)] * 3).filter(lambda s: s[0] <= 4)] * 2), max_size=5))
def test_any_sizes_round_trip(tmp_path_factory, sizes):
    pairs = images(sizes)
    pack = open_pack(write(tmp_path_factory.mktemp("p") / "a", pairs), verify=True)
    assert len(pack) == len(sizes)
    assert all(torch.equal(pack.input(i), image) for i, (_, _, image) in enumerate(pairs))


def test_the_same_images_make_the_same_bytes(tmp_path):
    one, two = (write(tmp_path / name, images()).read_bytes() for name in "ab")
    assert one == two


def test_pixels_are_mapped_and_writing_to_them_does_not_reach_the_file(tmp_path):
    path = write(tmp_path / "a", images())
    before = path.read_bytes()
    open_pack(path).target(0).fill_(7)
    assert path.read_bytes() == before


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    def many():
        for index in range(40):
            yield f"s/{index}", torch.zeros((3, 256, 256), dtype=torch.uint8), torch.zeros((3, 4, 4), dtype=torch.uint8)

    tracemalloc.start()
    write(tmp_path / "a", many())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Python's own allocations; the pixels of all images together would be 7.8 MB.
    assert peak < 4e6


def test_an_empty_pack_says_what_is_missing(tmp_path):
    pack = open_pack(write(tmp_path / "a", [], missing={"set5": "no network"}), verify=True)
    assert len(pack) == 0
    assert pack.missing == {"set5": "no network"}


@pytest.mark.parametrize("error", [UserError("an image is damaged"), KeyboardInterrupt("an image is damaged")])
def test_a_failure_or_interruption_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = write(tmp_path / "a", images())
    before = path.read_bytes()

    def broken():
        yield images()[0]
        raise error

    with pytest.raises(type(error), match="an image is damaged"):
        write(path, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_only_uint8_images_go_in(tmp_path):
    with pytest.raises(ValueError, match="uint8"):
        write(tmp_path / "a", [("x", torch.zeros(3, 4, 4), torch.zeros(3, 1, 1))])
    assert not list(tmp_path.iterdir())


def test_a_missing_pack_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match=r"no pack file .*none\.safetensors: run 'make repro'"):
        open_pack(tmp_path / "none.safetensors")


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, -1, -200])
def test_a_truncated_pack_is_refused(tmp_path, keep):
    path = write(tmp_path / "a", images())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"is damaged .*delete it"):
        open_pack(path)


def test_foreign_files_and_other_versions_are_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign")
    with pytest.raises(UserError, match="not a pack"):
        open_pack(tmp_path / "foreign")
    (tmp_path / "text").write_text("hello, this is no pack file")
    with pytest.raises(UserError, match="damaged"):
        open_pack(tmp_path / "text")
    path = write(tmp_path / "a", images())
    resave(path, {"version": "1"})
    with pytest.raises(UserError, match="version 1, not 2"):
        open_pack(path)


@pytest.mark.parametrize("value", [-1, 10**6, 2**62])
@pytest.mark.parametrize("column", range(4))
def test_a_table_that_points_outside_is_refused(tmp_path, column, value):
    path = write(tmp_path / "a", images())
    table = open_pack(path).images.clone()
    table[1, 1, column] = value
    resave(path, images=table)
    with pytest.raises(UserError, match="outside its pixels"):
        open_pack(path)


def test_a_table_of_another_shape_or_with_missing_metadata_is_refused(tmp_path):
    path = write(tmp_path / "a", images())
    resave(path, {"names": json.dumps(["one"])})
    with pytest.raises(UserError, match="wrong shape"):
        open_pack(path)
    resave(path, {"names": "["})
    with pytest.raises(UserError, match="damaged"):
        open_pack(path)


def test_verify_finds_a_changed_pixel(tmp_path):
    path = write(tmp_path / "a", images())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    open_pack(path)
    with pytest.raises(UserError, match="do not match their sha256"):
        open_pack(path, verify=True)
