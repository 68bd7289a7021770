"""What researchers test their own formulas with, in their own pytest suite; needs the extra `test`."""

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError(f"driftlaw.testing needs Hypothesis, which cannot be imported ({error}); install driftlaw[test]") from error

from driftlaw.testing.agreement import assert_agrees as assert_agrees, assert_equal_to_law as assert_equal_to_law
from driftlaw.testing.experiments import (
    cases as cases,
    inner_products as inner_products,
    numbers as numbers,
    positive_numbers as positive_numbers,
    sample_counts as sample_counts,
    task_sequences as task_sequences,
)
