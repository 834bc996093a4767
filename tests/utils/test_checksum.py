import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save, save_file

from sharploss.utils.checksum import add_checksum, verify_checksum
from sharploss.utils.errors import UserError

CONTENT = add_checksum(
    save({"a": torch.arange(40.0), "b": torch.ones(2, 3)}, metadata={"key": "k", "status": "finished"})
)


def test_safetensors_reads_what_was_sealed(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    verify_checksum(tmp_path / "a")
    assert torch.equal(load_file(tmp_path / "a")["a"], torch.arange(40.0))
    assert add_checksum(CONTENT) == CONTENT


BODY = 8 + int.from_bytes(CONTENT[:8], "little")


def flipped(bit, folder):
    content = bytearray(CONTENT)
    content[bit // 8] ^= 1 << bit % 8
    (folder / "a").write_bytes(content)
    return folder / "a"


@given(st.integers(BODY * 8, len(CONTENT) * 8 - 1))
def test_any_flipped_bit_of_a_tensor_is_noticed(tmp_path_factory, bit):
    with pytest.raises(UserError, match="does not match its sha256"):
        verify_checksum(flipped(bit, tmp_path_factory.mktemp("flip")))


@pytest.mark.parametrize("word", [b"finished", b"[40]", b"F32", b"status"])
def test_a_changed_word_of_the_header_is_noticed(tmp_path, word):
    at = CONTENT.index(word)
    with pytest.raises(UserError, match="is damaged"):
        verify_checksum(flipped(8 * (at + 1), tmp_path))


def test_files_of_others_pass_and_a_missing_one_is_named(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "theirs")
    verify_checksum(tmp_path / "theirs")
    with pytest.raises(UserError, match="none is missing"):
        verify_checksum(tmp_path / "none")
