import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharploss.data import Patches, open_pack, write_pack
from sharploss.utils.errors import UserError


def make_pack(path, sizes, scale, seed=0):
    """Pack random images: sizes are (h, w) of the inputs."""
    rng = np.random.default_rng(seed)
    pairs = [
        (f"set/{i}", *(torch.from_numpy(rng.integers(0, 256, (3, h * s, w * s), dtype=np.uint8)) for s in (scale, 1)))
        for i, (h, w) in enumerate(sizes)
    ]
    write_pack(path, iter(pairs), role="train", sets=["set"], parameters={}, missing={})
    return open_pack(path)


def coordinates_pack(path, height, width, scale):
    """Every pixel says where it is: red its input row, green its input column, blue where it lies within."""
    y, x = np.mgrid[: height * scale, : width * scale]
    target = np.stack([y // scale, x // scale, y % scale * scale + x % scale]).astype(np.uint8)
    small = target[:, ::scale, ::scale]
    pairs = [("set/0", torch.from_numpy(target), torch.from_numpy(small.copy()))]
    write_pack(path, iter(pairs), role="train", sets=["set"], parameters={}, missing={})
    return open_pack(path)


def naive_batch(pack, step, *, scale, patch, batch, seed, augment=True):
    """The same batch by slicing and flipping one image at a time in numpy."""
    block, index = divmod(step, 256)
    raw = np.random.Philox(key=np.array([seed, block], dtype=np.uint64)).random_raw(256 * batch * 4)
    draws = [[int(value) >> 32 for value in row] for row in raw.reshape(256, batch, 4)[index]]
    inputs, targets = [], []
    if augment:
        draws.sort(key=lambda draw: (draw[3] * 8 >> 32) >> 1)
    for image, top, left, way in draws:
        choice = image * len(pack) >> 32
        small, large = pack.input(choice).numpy(), pack.target(choice).numpy()
        y, x = top * (small.shape[1] - patch + 1) >> 32, left * (small.shape[2] - patch + 1) >> 32
        for source, found, s in ((small, inputs, 1), (large, targets, scale)):
            cut = source[:, s * y : s * (y + patch), s * x : s * (x + patch)]
            found.append(turned(cut, way * 8 >> 32 if augment else 0))
    return tuple(torch.from_numpy(np.stack(part).astype(np.float32) / 255) for part in (inputs, targets))


def turned(image, way):
    if way & 1:
        image = image[:, ::-1]
    if way & 2:
        image = image[:, :, ::-1]
    return image.transpose(0, 2, 1) if way & 4 else image


def assert_same(one, other):
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(5, 17), st.integers(5, 17)), min_size=1, max_size=4),
    scale=st.integers(1, 4),
    patch=st.integers(1, 5),
    batch=st.integers(1, 9),
    seed=st.integers(0, 2**63),
    step=st.integers(0, 10**6),
    augment=st.booleans(),
)
def test_equals_slicing_and_flipping_one_by_one(tmp_path_factory, sizes, scale, **options):
    pack = make_pack(tmp_path_factory.mktemp("p") / "a", sizes, scale)
    step = options.pop("step")
    found = Patches(pack, scale=scale, **options).batch(step)
    assert found[0].dtype == found[1].dtype == torch.float32
    assert_same(found, naive_batch(pack, step, scale=scale, **options))


def test_a_batch_depends_on_seed_and_step_alone(tmp_path):
    pack = make_pack(tmp_path / "a", [(20, 30), (12, 9)], 2)
    options = {"scale": 2, "patch": 8, "batch": 4}
    forward = Patches(pack, seed=3, **options)
    steps = [0, 1, 255, 256, 257, 5000]
    batches = {step: forward.batch(step) for step in steps}
    backward = Patches(pack, seed=3, **options)
    for step in reversed(steps):
        assert_same(backward.batch(step), batches[step])
    other = Patches(pack, seed=4, **options).batch(0)
    assert not torch.equal(other[0], batches[0][0])
    assert not torch.equal(batches[1][0], batches[0][0])


def test_a_batch_stays_as_it_was_when_the_next_is_drawn(tmp_path):
    patches = Patches(make_pack(tmp_path / "a", [(20, 30)], 2), scale=2, patch=8, batch=4, seed=0)
    first = patches.batch(0)
    copies = [part.clone() for part in first]
    patches.batch(1)
    assert_same(first, copies)


@pytest.mark.parametrize("world", [2, 3, 6])
def test_the_shares_of_all_processes_make_the_global_batch(tmp_path, world):
    pack = make_pack(tmp_path / "a", [(20, 30), (9, 12)], 3)
    options = {"scale": 3, "patch": 6, "batch": 6, "seed": 1}
    for step in (0, 300):
        shares = [Patches(pack, rank=rank, world=world, **options).batch(step) for rank in range(world)]
        joined = [torch.cat(parts) for parts in zip(*shares, strict=True)]
        assert_same(joined, Patches(pack, **options).batch(step))


def test_parts_are_dealt_out_in_turn(tmp_path):
    pack = make_pack(tmp_path / "a", [(20, 30), (9, 12)], 3)
    options = {"scale": 3, "patch": 6, "batch": 8, "seed": 1}
    whole = Patches(pack, **options).batch(5)
    for rank in range(2):
        own = Patches(pack, rank=rank, world=2, parts=4, **options).batch(5)
        assert_same(own, [torch.cat(part.chunk(4)[rank::2]) for part in whole])


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    pack = make_pack(tmp_path / "a", [(20, 30)], 2)
    with pytest.raises(UserError, match="multiple of 3"):
        Patches(pack, scale=2, patch=8, batch=4, seed=0, world=3)
    with pytest.raises(UserError, match="multiple of 3"):
        Patches(pack, scale=2, patch=8, batch=6, seed=0, world=2, parts=3)


def test_target_and_input_show_the_same_place(tmp_path):
    scale, patch = 3, 6
    pack = coordinates_pack(tmp_path / "a", 20, 31, scale)
    patches = Patches(pack, scale=scale, patch=patch, batch=16, seed=0)
    for step in range(20):
        small, large = ((part * 255).round() for part in patches.batch(step))
        # Red and green of each target pixel name the input pixel that it belongs to.
        blown_up = small[:, :2].repeat_interleave(scale, -1).repeat_interleave(scale, -2)
        assert torch.equal(large[:, :2], blown_up)


def test_without_augmentation_patches_are_upright_and_everywhere_in_the_image(tmp_path):
    pack = coordinates_pack(tmp_path / "a", 9, 7, 2)
    patches = Patches(pack, scale=2, patch=5, batch=16, seed=0, augment=False)
    corners = set()
    for step in range(20):
        small = (patches.batch(step)[0] * 255).round().long()
        assert (small[:, 0].diff(dim=-2) == 1).all()
        assert (small[:, 1].diff(dim=-1) == 1).all()
        corners |= {tuple(corner) for corner in small[:, :2, 0, 0].tolist()}
    assert corners == {(y, x) for y in range(5) for x in range(3)}


def test_all_eight_orientations_and_all_images_occur_equally_often(tmp_path):
    pack = make_pack(tmp_path / "a", [(5, 5), (5, 5), (5, 5)], 2)
    seen = {turned(pack.input(image).numpy(), way).tobytes(): (image, way) for image in range(3) for way in range(8)}
    assert len(seen) == 24
    patches = Patches(pack, scale=2, patch=5, batch=48, seed=0)
    counts = dict.fromkeys(seen.values(), 0)
    for step in range(100):
        for patch in (patches.batch(step)[0] * 255).round().byte().numpy():
            counts[seen[patch.tobytes()]] += 1
    # 200 expected of each; 24 binomials stay within 5 standard deviations (14 each).
    assert all(130 < count < 270 for count in counts.values())


def test_a_patch_as_large_as_the_image_reaches_the_last_byte(tmp_path):
    pack = make_pack(tmp_path / "a", [(6, 6)], 1)
    small, large = Patches(pack, scale=1, patch=6, batch=2, seed=0, augment=False).batch(0)
    assert torch.equal(large[0], pack.target(0) / 255)
    assert torch.equal(small[1], pack.input(0) / 255)


@pytest.mark.parametrize("small", [(7, 30), (30, 7), (1, 1), (7, 7)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_patches_come_from_the_images_that_are_large_enough_as_if_there_were_no_other(tmp_path, small, place):
    options = {"scale": 2, "patch": 8, "batch": 16, "seed": 0}
    sizes = [(20, 30), (9, 8)]
    sizes.insert(place, small)
    pack = make_pack(tmp_path / "a", sizes, 2)
    pairs = [(pack.names[i], pack.target(i), pack.input(i)) for i in range(3) if i != place]
    write_pack(tmp_path / "b", pairs, role="train", sets=["set"], parameters={}, missing={})
    one, other = Patches(pack, **options), Patches(open_pack(tmp_path / "b"), **options)
    assert one.left_out == {f"set/{place}": "its input is smaller than the patch of 8 pixels"}
    assert other.left_out == {}
    for step in (0, 7, 256):
        assert_same(one.batch(step), other.batch(step))


def test_a_pack_without_any_image_as_large_as_the_patch_is_refused(tmp_path):
    with pytest.raises(UserError, match="no image as large as the patch of 8: choose a smaller patch"):
        Patches(make_pack(tmp_path / "a", [(7, 30), (30, 7)], 2), scale=2, patch=8, batch=4, seed=0)


def test_an_empty_pack_and_another_scale_are_refused(tmp_path):
    with pytest.raises(UserError, match="no images"):
        Patches(make_pack(tmp_path / "a", [], 2), scale=2, patch=8, batch=4, seed=0)
    with pytest.raises(UserError, match="not packed for scale 4"):
        Patches(make_pack(tmp_path / "b", [(20, 30)], 2), scale=4, patch=8, batch=4, seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_same_batches(tmp_path):
    pack = make_pack(tmp_path / "a", [(20, 30), (12, 9)], 2)
    options = {"scale": 2, "patch": 8, "batch": 4, "seed": 0}
    gpu = Patches(pack, device="cuda", **options)
    for step in (0, 1, 300):
        assert_same([part.cpu() for part in gpu.batch(step)], Patches(pack, **options).batch(step))
