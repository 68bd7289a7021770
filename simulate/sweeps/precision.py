"""When a sample is precise enough: decided by sizes alone, at numbers of trials that are fixed in advance."""

from simulate.sweeps.tally import Tally

FIRST = 1024  # trials after which the standard error is looked at first; then at twice as many, again and again
ZERO_WITHIN = 3  # standard errors
ROUNDING = 1e-10  # relative to the errors that forgetting is measured from: the sampler's linear algebra

FIXED, REACHED, ZERO, OPEN, INFINITE = "fixed", "reached", "zero", "not reached", "infinite variance"


def status(tally: Tally, precision: float) -> str:
    """Say whether a quantity is known well enough.

    Returns
    -------
    {"reached", "zero", "not reached"}
        "reached" if the standard error is at most ``precision`` times the mean. No sample has that where the mean is
        zero, as forgetting may be; there "zero" says that the mean lies within `ZERO_WITHIN` standard errors of zero and
        the standard error is at most ``precision`` times the errors that forgetting is measured from, or that nothing but
        rounding errors is left.
    """
    if max(abs(tally.mean), tally.stderr) <= ROUNDING * tally.scale:
        return ZERO
    if tally.stderr <= precision * abs(tally.mean):
        return REACHED
    return ZERO if abs(tally.mean) <= ZERO_WITHIN * tally.stderr and tally.stderr <= precision * tally.scale else OPEN


def next_goal(trials: int, max_trials: int) -> int:
    """Return the number of trials at which to look again."""
    return min(2 * trials, max_trials)
