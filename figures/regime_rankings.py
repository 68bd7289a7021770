r"""Rankings of methods over the trained fraction, tuned and untuned.

Mean error of {TASKS} tasks after the last one, of which every one trains the same $d$ of $p={P}$ parameters, and the error that LwF has
more than EWC. Left: strengths are the best of each $d$; EWC leads by {most:.2f} at $d={AT}$, LwF by {least:.4f} with all trained. Right: strengths that are best for $d={AT}$, used
for every $d$; now LwF leads by up to {lag:.2f}. Strengths act from the second task on. Lines: exact law at whole numbers, no expectation within 1 of $d=n$. {simulation}
Methods at one place share their draws. Experiment: $n={N}$ samples a task, no noise, truths of length 1 with cosine {COSINE:g}, spread evenly over all
parameters; the best number of stored samples is none here, so that GEM is plain training.
"""

from itertools import product

import numpy as np

from figures.kit import PLAIN, STEPS, THEORY, Figure, Line, Panel, Point, Sampler, Table, curves
from theory import TaskSequence, expected_errors
from theory.regimes import PENALISED, DISTILLED, PLAIN as NO_METHOD, N, P, SHOWN, T as TASKS, tuned, under

COSINE, QUANTITY, X_NAME, AT = SHOWN[0], "generalization", "trained", 14
TRAINED = (*range(4, 42), *range(42, P + 1, 6))
SIMULATED = (6, 14, 28, 36, 66, 90, P)
CASES = ("best strengths of each $d$", f"best strengths of $d={AT}$")
MORE = f"{DISTILLED} - {PENALISED}"
LOOKS = {NO_METHOD: PLAIN, DISTILLED: STEPS[1], PENALISED: STEPS[2], MORE: STEPS[0]}


def sequences(trained: int, case: str) -> dict[str, TaskSequence]:
    """Return the experiment under every method, with its strength of the case."""
    return {m: under(m, tuned(m, trained if case == CASES[0] else AT, *SHOWN).choice, trained, *SHOWN) for m in (NO_METHOD, DISTILLED, PENALISED)}


def compute(table: Table, sampler: Sampler) -> None:
    for case in CASES:
        found = [{name: float(expected_errors(seq, outside="nan").read(QUANTITY)) for name, seq in sequences(d, case).items()} for d in TRAINED]
        for name in LOOKS:
            table.add_curve(QUANTITY, name, X_NAME, TRAINED, [row[name] if name in row else row[DISTILLED] - row[PENALISED] for row in found], "expected_errors", case)
        sampler.add(table, X_NAME, [Point(sequences(d, case), (QUANTITY,), (DISTILLED, PENALISED), x=d, case=case) for d in SIMULATED])


def _panel(names: tuple[str, ...], case: str) -> Panel:
    label = f"{DISTILLED} $-$ {PENALISED}" if names == (MORE,) else f"generalization error $G_{TASKS}$"
    axes = {"ylabel": label} if case == CASES[0] else {}
    axes |= {"xlabel": "$d$, trained parameters", "ylim": (-0.15, 0.6)} if names == (MORE,) else {"yscale": "log"}
    legend = {"loc": "upper right"} if len(names) > 1 else None
    return Panel(case if legend else "", [Line(LOOKS[name], name, {"training": name}) for name in names], {"case": case}, zero=not legend, legend=legend, axes=axes)


def facts(table: Table) -> dict:
    gaps = [table.select(kind=THEORY, training=MORE, case=case).column("mean") for case in CASES]
    return {"most": gaps[0][TRAINED.index(AT)], "least": -gaps[0][-1], "lag": -np.nanmin(gaps[1])}


FIGURE = Figure(
    __doc__, compute, curves(*(_panel(names, case) for names, case in product(((NO_METHOD, DISTILLED, PENALISED), (MORE,)), CASES)), ncols=2, sharex=True, sharey="row"),
    globals(), facts, trials=2000, quick_trials=200, size=(7.6, 5.2),
)  # fmt: skip
