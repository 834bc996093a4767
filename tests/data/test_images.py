import numpy as np
import pytest
from PIL import Image, ImageFile

from sharploss.data import read_image, write_png
from sharploss.utils.errors import UserError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_png_comes_back_as_it_was_written(tmp_path):
    image = np.ascontiguousarray(RGB.transpose(2, 0, 1))
    write_png(tmp_path / "new" / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "new" / "a.png"), image)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_grey_and_bilevel_become_three_equal_channels(tmp_path):
    Image.fromarray(RGB[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(RGB[..., 0] > 99).save(tmp_path / "bits.png")
    grey, bits = read_image(tmp_path / "grey.png"), read_image(tmp_path / "bits.png")
    np.testing.assert_array_equal(grey, np.broadcast_to(RGB[..., 0], (3, 5, 7)))
    np.testing.assert_array_equal(bits, np.broadcast_to((RGB[..., 0] > 99) * np.uint8(255), (3, 5, 7)))


def test_a_palette_gives_its_colours(tmp_path):
    palette = Image.fromarray(RGB).quantize(16)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), np.asarray(palette.convert("RGB")).transpose(2, 0, 1))


@pytest.mark.parametrize("channels", [2, 4])
def test_an_opaque_alpha_is_dropped_and_a_transparent_one_refused(tmp_path, channels):
    image = np.repeat(RGB[..., :1], channels, axis=2)
    image[..., -1] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.broadcast_to(RGB[..., 0], (3, 5, 7)))
    image[2, 3, -1] = 254
    Image.fromarray(image).save(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"b\.png is partly transparent"):
        read_image(tmp_path / "b.png")


def test_a_transparent_colour_in_a_palette_is_refused(tmp_path):
    Image.fromarray(RGB).quantize(4).save(tmp_path / "p.png", transparency=0)
    with pytest.raises(UserError, match="transparent"):
        read_image(tmp_path / "p.png")


def png_of_16_bits(path, colour):
    """Pillow cannot write 16-bit colour, so this one is made by hand."""
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    channels = 3 if colour else 1
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2 if colour else 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(range(2 * 2 * channels)) for _ in range(2))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("colour", [True, False])
def test_16_bits_are_refused_in_colour_and_grey(tmp_path, colour):
    png_of_16_bits(tmp_path / "deep.png", colour)
    with pytest.raises(UserError, match=r"deep\.png has more than 8 bits"):
        read_image(tmp_path / "deep.png")


def test_floating_point_other_colour_spaces_and_several_frames_are_refused(tmp_path):
    Image.fromarray(RGB[..., 0].astype(np.float32)).save(tmp_path / "f.tif")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    frames = [Image.fromarray(RGB), Image.fromarray(RGB[::-1].copy())]
    frames[0].save(tmp_path / "many.tif", save_all=True, append_images=frames[1:])
    for name, words in {"f.tif": "8 bits", "c.jpg": "CMYK", "many.tif": "several frames"}.items():
        with pytest.raises(UserError, match=f"{name} .*{words}"):
            read_image(tmp_path / name)


def test_missing_empty_foreign_and_folder_are_named(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "folder.png").mkdir()
    for name, words in {"no": "no image file", "empty": "0 bytes", "text": "intact", "folder": "no image file"}.items():
        with pytest.raises(UserError, match=words) as caught:
            read_image(tmp_path / f"{name}.png")
        assert f"{name}.png" in str(caught.value)


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif"])
def test_a_file_cut_anywhere_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as importing pyiqa sets it
    whole = tmp_path / f"whole.{kind}"
    Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(whole)
    content = whole.read_bytes()
    for part in (0.02, 0.3, 0.6, 0.9):
        cut = tmp_path / f"cut.{kind}"
        cut.write_bytes(content[: max(1, int(part * len(content)))])
        with pytest.raises(UserError, match="intact copy"):
            read_image(cut)
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_damaged_byte_in_a_png_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.png"):
        read_image(path)


@pytest.mark.parametrize("image", [np.zeros((3, 4, 4)), np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)])
def test_write_png_refuses_other_arrays_and_leaves_nothing(tmp_path, image):
    with pytest.raises(ValueError, match="uint8 image"):
        write_png(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())
