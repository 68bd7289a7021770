"""Random streams: which draws are the same, which are not, and that they are standard normal."""

import numpy as np
import pytest
from scaffold import assert_refused

from simulate.sample.streams import Streams, canonical_seed, entropy


def test_portions_continue_a_generator():
    whole = Streams(3, 0).features(1, 2).standard_normal((10, 4, 3))
    streams = Streams(3, 0)
    portions = [streams.features(1, 2).standard_normal((size, 4, 3)) for size in (1, 6, 3)]
    assert np.array_equal(whole, np.concatenate(portions))


def test_every_key_has_its_own_draws():
    seeds = (0, 1, 2**40, (0, 0), (1, 0), (0, 1), (1, 0, 0))
    firsts = []
    for seed in seeds:
        for trial_block in range(3):
            streams = Streams(seed, trial_block)
            for task in range(3):
                firsts.append(streams.noise(task).random())
                firsts += [streams.features(task, block).random() for block in range(3)]
                firsts += [streams.direction(task, block).random() for block in range(3)]
    assert len(set(firsts)) == len(firsts) == len(seeds) * 3 * 3 * 7


def test_seeds_that_numpy_confuses_differ():
    """NumPy itself takes the seeds of each pair for the same."""
    pairs = [(1, (1, 0)), ((1, 2), 1 + 2 * 2**32), ((1, 0), (1, 0, 0)), ((0, 1), (2**32,)), ((1, 2 + 3 * 2**32), (1 + 2 * 2**32, 3))]
    for left, right in pairs:
        plain = [np.random.SeedSequence(seed, spawn_key=(0,)).generate_state(4).tolist() for seed in (left, right)]
        ours = [np.random.SeedSequence(entropy(canonical_seed(seed)), spawn_key=(0,)).generate_state(4).tolist() for seed in (left, right)]
        assert plain[0] == plain[1] and ours[0] != ours[1]


def test_a_tuple_of_one_is_its_number():
    assert canonical_seed((7,)) == canonical_seed(7) == canonical_seed(np.int64(7)) == 7
    assert type(canonical_seed(np.uint32(7))) is int and canonical_seed((np.int8(1), 2)) == (1, 2)


@pytest.mark.parametrize("seed", [-1, 1.0, True, None, "1", (), (1, -2), (1, 2.5), [1, 2]])
def test_other_seeds_are_refused(seed):
    assert_refused(lambda: canonical_seed(seed), "seed is .*; give a whole number of at least 0, or a tuple")


def test_streams_are_standard_normal_and_independent():
    """24 streams of 20,000 draws: 24 means, 24 variances and 276 correlations within 5 standard errors.

    False-alarm rate 2e-4 for all of them over seeds (this seed is fixed); a mean of .06, a variance off by
    9 % or a correlation of .06 would be seen in any stream with probability .99.
    """
    size = 20_000
    draws = []
    for trial_block in range(3):
        streams = Streams(11, trial_block)
        for task in range(2):
            generators = [streams.noise(task), *(streams.features(task, b) for b in range(2)), streams.direction(task, 0)]
            draws += [generator.standard_normal(size) for generator in generators]
    draws = np.array(draws)
    assert draws.shape == (24, size)
    correlations = np.corrcoef(draws)[np.triu_indices(24, 1)]
    z = np.concatenate([draws.mean(axis=1), (draws.var(axis=1) - 1) / np.sqrt(2), correlations]) * np.sqrt(size)
    assert np.abs(z).max() < 5
