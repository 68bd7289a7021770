"""The points of a sweep: experiments with the quantities that are asked of them, and the store of their chunks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulate.sample.methods import choose_method
from simulate.sweeps.chunks import Sampling, problem_key
from simulate.sweeps.records import record_key
from simulate.verdicts.cases import build_case, call_case, check_cases, read_keywords, under
from simulate.wording import case_labels
from simulate.work.keys import canonical, digest, json_value
from theory.errors import InputError
from theory.moments import moment_orders
from theory.problem import TaskSequence
from theory.quantities import TRAINING, Quantity, parse_quantity

FINITE_VARIANCE = 2  # moment order above which a quantity has a standard error


@dataclass(frozen=True, eq=False)
class SweepPoint:
    """An experiment, and what is asked of it.

    Parameters
    ----------
    case : dict
        The parameters it was built from.
    label : str
        The case in a few words.
    seq : TaskSequence
    sampling : Sampling
    quantities : mapping of str to str
        From every quantity as it was asked for to its full name in this experiment, such as "forgetting[1]".
    own : mapping of str to Quantity
        Quantities of the user's own by full name, which tells their weights apart.
    orders : mapping of str to float
        Supremum of the finite moment orders of every quantity, by full name.
    key : str
        Of its record, whatever the code.
    """

    case: dict[str, Any]
    label: str
    seq: TaskSequence
    sampling: Sampling
    quantities: Mapping[str, str]
    own: Mapping[str, Quantity]
    orders: Mapping[str, float]
    key: str

    @property
    def measurable(self) -> list[str]:
        """Full names of the quantities with a finite variance, or with no order known."""
        return [name for name in self.quantities.values() if not 0 < self.orders[name] <= FINITE_VARIANCE]


def make_points(build: Callable[..., TaskSequence], cases: Any, quantities: Any, sampling: Sampling, *conditions: Any) -> list[SweepPoint]:
    """Build the experiments of all cases; ``sampling.method`` may be "auto", which every experiment settles by itself.

    ``conditions``, which are features, rule and risk, take the place of what the experiments say, as in `simulate.check`.

    Raises
    ------
    InputError
        If a case cannot be built or sampled, or a quantity means nothing in it; the message names the case.
    """
    if not callable(build):
        raise InputError(f"build is {build!r}; give a function that makes a TaskSequence of a case's keyword arguments")
    reads = read_keywords(build, "build")
    cases = check_cases(cases, {"build": reads})
    quantities = _checked_quantities(quantities)
    labels = case_labels(cases)

    points = []
    for index, (case, label) in enumerate(zip(cases, labels, strict=True)):
        seq = build_case(lambda case: under(build(**reads.pick(case)), *conditions), index, case)
        points.append(call_case("the sweep", lambda case: _point(case, label, seq, quantities, sampling), index, case))
    return points


def _point(case: dict[str, Any], label: str, seq: TaskSequence, quantities: Sequence[str | Quantity], sampling: Sampling) -> SweepPoint:
    parsed = {str(quantity): parse_quantity(quantity, len(seq)) for quantity in quantities}
    full = {text: str(quantity) for text, quantity in parsed.items()}
    own = {}
    for quantity in (quantity for quantity in quantities if isinstance(quantity, Quantity)):
        fixed = quantity.written_out(len(seq))
        weights = digest(canonical(json_value([fixed.of, fixed.weights(len(seq))], "weights")))
        full[quantity.name] = f"{quantity.name} #{weights[:12]}"
        own[full[quantity.name]] = replace(fixed, name=full[quantity.name])
    moments = moment_orders(seq)
    orders = {full[text]: quantity.order(moments) for text, quantity in parsed.items()}
    sampling = _settled(sampling, seq, any(quantity.of == TRAINING for quantity in parsed.values()))
    key = record_key(problem_key(seq, sampling)[:40])
    return SweepPoint(case, label, seq, sampling, full, own, orders, key)


def _settled(sampling: Sampling, seq: TaskSequence, training_errors: bool) -> Sampling:
    """Replace the method "auto" by the one that the experiment asks for."""
    usual = (sampling.backend, sampling.dtype) == ("numpy", "float64")
    method = choose_method(sampling.method, seq, training_errors) if usual or sampling.method != "auto" else "direct"
    return Sampling(method, sampling.backend, sampling.device, sampling.dtype, sampling.seed)


def _checked_quantities(quantities: Any) -> tuple[str | Quantity, ...]:
    quantities = (quantities,) if isinstance(quantities, (str, Quantity)) else tuple(quantities)
    for quantity in quantities:
        if not isinstance(quantity, (str, Quantity)):
            raise InputError(
                f"the quantity is {quantity!r}; a sweep stores results by name, so give a name such as 'forgetting' or 'error[1,0]', or a Quantity"
            )
    names = [str(quantity) for quantity in dict.fromkeys(quantities)]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two quantities are called {name!r}, so their results could not be told apart; rename one")
    if not quantities:
        raise InputError("quantities is empty; name at least one quantity, such as 'forgetting'")
    return tuple(dict.fromkeys(quantities))
