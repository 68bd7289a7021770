"""Training errors: the law against integrals entry by entry, as fractions without tolerance, and against simulation."""

from direct_route import InfiniteExpectation
from hypothesis import given, settings
from scaffold import assert_refused
from strategies import sequences
from training_route import TrainingRoute

from theory import DomainError, expected_errors


@settings(max_examples=max(settings().max_examples // 2, 5))
@given(sequences(max_tasks=3, max_dimension=3, max_blocks=2, vectors=True))
def test_random_experiments_by_integration(seq):
    try:
        found = TrainingRoute(seq).training
    except InfiniteExpectation:
        assert_refused(lambda: expected_errors(seq), error=DomainError)
        return
    assert expected_errors(seq).training_errors.tolist() == found.tolist()
