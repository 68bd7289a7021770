r"""The lead of GEM over the number of tasks and their similarity.

Mean error of $T$ tasks after the last one, all $p={P}$ parameters trained; strengths of LwF and EWC and the number of samples that GEM stores of each task are the best of each
place (of six numbers for GEM, as its step goes to zero). At $T={AT}$ GEM saves {saved} of the better of both other errors at cosine {listed}. It needs room,
$d>n+M$ for $M$ stored samples: with more tasks it stores fewer, and where their truths differ it loses its lead. Lines join the exact law at whole $T$. {simulation} Methods at one
place share their draws. Experiment: $n={N}$ samples a task, $\sigma={SIGMA:g}$, truths of length 1 with equal cosines.
"""

from figures.kit import STEPS, THEORY, Figure, Line, Panel, Point, Sampler, Table, curves
from theory import TaskSequence, expected_errors
from theory.regimes import PENALISED, GEM, DISTILLED, N, P, tuned, under

COSINES, SIGMA, QUANTITY, AT = (1.0, 0.98, 0.9), 0.1, "generalization", 5
TASKS, SIMULATED = range(2, 13), (2, 3, 5, 8, 12)
LOOKS = dict(zip((GEM, DISTILLED, PENALISED), STEPS, strict=False))


def sequences(tasks: int, cosine: float) -> dict[str, TaskSequence]:
    """Return the experiment under every method, with its best strength."""
    return {method: under(method, tuned(method, P, cosine, SIGMA**2, tasks).choice, P, cosine, SIGMA**2, tasks) for method in LOOKS}


def compute(table: Table, sampler: Sampler) -> None:
    for case in map("{:g}".format, COSINES):
        for method in LOOKS:
            values = [expected_errors(sequences(tasks, float(case))[method]).read(QUANTITY) for tasks in TASKS]
            table.add_curve(QUANTITY, method, "T", TASKS, values, "expected_errors", case)
        sampler.add(table, "T", [Point(sequences(tasks, float(case)), (QUANTITY,), x=tasks, case=case) for tasks in SIMULATED])


def _panel(cosine: float) -> Panel:
    first = cosine == COSINES[0]
    axes = {"xlabel": "$T$, number of tasks", "xticks": range(2, 13, 2), **({"ylabel": "generalization error $G_T$"} if first else {})}
    lines = [Line(look, method, {"training": method}) for method, look in LOOKS.items()]
    return Panel(f"cosine {cosine:g}", lines, {"case": f"{cosine:g}"}, axes=axes, legend={"loc": "upper right"} if first else None)


def facts(table: Table) -> dict:
    errors = [[table.only(kind=THEORY, training=method, case=f"{cosine:g}", x=AT).mean for method in LOOKS] for cosine in COSINES]
    saved = ", ".join(f"{1 - gem / min(others):.0%}" for gem, *others in errors)
    return {"saved": saved, "listed": ", ".join(f"{cosine:g}" for cosine in COSINES)}


FIGURE = Figure(__doc__, compute, curves(*map(_panel, COSINES), sharey=True), globals(), facts, trials=1000, quick_trials=150, size=(8.6, 3.4))
