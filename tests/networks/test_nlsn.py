import pytest
import torch
from watch import Watch

from sharploss.networks import NLSN
from sharploss.networks.nlsn import BUCKETS, SparseAttention, rotations


def small(**parameters):
    torch.manual_seed(0)
    return NLSN(**{"scale": 2, "blocks": 8, "width": 8, "res_scale": 1.0, "chunk": 9, **parameters})


@pytest.mark.parametrize(("scale", "count"), [(2, 41_796_163), (3, 44_746_563), (4, 44_156_483)])
def test_the_default_is_the_published_network(scale, count):
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in NLSN(scale).parameters()) == count


def test_attention_comes_first_and_after_every_eighth_block():
    with torch.device("meta"):
        found = [index for index, module in enumerate(NLSN().body) if isinstance(module, SparseAttention)]
    assert found == [0, 9, 18, 27, 36]


def test_training_draws_by_step_and_evaluation_always_the_same():
    network, images = small(), torch.rand(1, 3, 9, 11)
    network.train()
    outputs = []
    for step in (0, 1, 1, 2):
        network.set_step(step)
        outputs.append(network(images))
    assert torch.equal(outputs[1], outputs[2])
    assert not torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[1], outputs[3])
    network.eval()
    assert torch.equal(network(images), outputs[0])
    network.set_step(7)
    assert torch.equal(network(images), outputs[0])


def test_the_global_random_state_is_left_alone():
    network, images = small(), torch.rand(1, 3, 9, 11)
    before = torch.get_rng_state()
    network(images)
    assert torch.equal(torch.get_rng_state(), before)


def test_rotations_differ_by_step_and_by_layer():
    shape = (4, 2, 3)
    first = rotations(0, 0, shape)
    assert first.shape == shape
    assert not torch.equal(first, rotations(1, 0, shape))
    assert not torch.equal(first, rotations(0, 1, shape))


def test_one_bucket_of_everything_is_plain_attention():
    """With one chunk that holds all pixels, hashing does not matter: softmax(q k') v, keys normalised."""
    torch.manual_seed(0)
    attention = SparseAttention(8, 1.0, chunk=100, hashes=3, index=0).double()
    features = torch.randn(2, 8, 4, 5, dtype=torch.float64)
    query, value = (layer(features).flatten(2).mT for layer in (attention.match, attention.assembly))
    key = torch.nn.functional.normalize(query, dim=-1, eps=5e-5)
    expected = features + ((query @ key.mT).softmax(-1) @ value).mT.reshape(features.shape)
    torch.testing.assert_close(attention(features), expected)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("side", [36, 72])
def test_no_tensor_is_larger_than_what_chunking_needs(side, train):
    """Every pixel against every other would be L x L. Chunks need L x 3 chunk, the hashes L x hashes x buckets."""
    attention = SparseAttention(8, 0.1, chunk=36, hashes=1, index=0)
    features = torch.rand(1, 8, side, side, requires_grad=train)
    with torch.set_grad_enabled(train), Watch() as watch:
        output = attention(features)
        if train:
            output.sum().backward()
    length = side**2
    assert length * 3 * attention.chunk <= watch.largest <= length * max(3 * attention.chunk, BUCKETS) < length**2


def test_at_the_papers_sizes_memory_grows_with_the_pixels_and_not_with_their_square():
    sizes = []
    with torch.device("meta"):
        attention = SparseAttention(256, 0.1, chunk=144, hashes=4, index=0)
        for side in (192, 384):
            with torch.no_grad(), Watch() as watch:
                attention(torch.rand(1, 256, side, side))
            sizes.append(watch.largest)
    # The 256 channels of every pixel, once for its own chunk and once for either chunk beside it.
    assert sizes == [192**2 * 3 * 256, 384**2 * 3 * 256]


def test_a_naive_attention_would_be_found():
    queries = torch.rand(1, 36**2, 2)
    with Watch() as watch:
        (queries @ queries.mT).softmax(-1)
    assert watch.largest == 36**4
