r"""What frozen features forget: new classes compete with old ones.

(a) Accuracy of the nearest of $K$ known means, at equal distances $D$ in standard deviations of a feature within a class. No parameter moves.
(b) What {OLD} old classes lose by new ones, up to $K$, at $D={D:g}$: competition, and drift of the features by $\tau={TAU:g}$ away from stored
means, on top. Of the loss at $K={CLASSES[4]}$ {share:.0%} is drift. (c) Accuracy of the nearest of ten prototypes against the samples behind each, in
{features} features; means are random, at distance {D:g} in the root mean square. Lines: exact laws. {simulation}
Both curves of (b) share their draws.
"""

from typing import Any

import numpy as np

from figures.kit import FROZEN, INITIALIZED, STEPS, THEORY, Figure, Line, Panel, Sampler, Simulated, Table, curves
from simulate.sample.prototypes import measure
from theory.formulas import FORMULAS
from theory.prototypes import Classes

CLASSES, COUNTS, D, TAU, OLD = (10, 20, 50, 100, 200), (1, 2, 5, 10, 20, 50, 100), 5.0, 0.5, 10
DISTANCES, DIMENSIONS = (3.0, 4.0, 5.0, 6.0), (10, 50, 250)
KNOWN, LOST, SAMPLES = "known means", "lost", "samples"


def compute(table: Table, sampler: Sampler) -> None:
    def add(classes: Classes, x_name: str, x: int, case: str, rows: dict[str, tuple[str, str]]) -> None:
        def run(seed: tuple[int, ...], trials: int) -> dict[str, list[float]]:
            found = measure(classes, trials, seed)
            return {name: [float(found[name].mean), float(found[name].stderr)] for name in rows}

        for name, values in sampler.stored(vars(classes), __file__, run).items():
            table.add_point(*rows[name], x_name, x, Simulated(*values, sampler.trials, np.inf), case)

    every = sorted({*np.geomspace(OLD, CLASSES[-1], 40).astype(int).tolist(), *CLASSES})
    for distance in DISTANCES:
        law = FORMULAS["known_prototypes_accuracy"]
        table.add_curve(KNOWN, "nearest", "K", every, [law(K=K, D=distance, tau=0.0) for K in every], law.name, f"D={distance:g}")
        for K in CLASSES:
            add(Classes(K, K, distance, old=OLD), "K", K, f"D={distance:g}", {"among_all": (KNOWN, "nearest")})
    for name in ("competition", "drift"):
        law = FORMULAS[f"prototype_{name}"]
        table.add_curve(LOST, name, "K", every, [law(K_0=OLD, K=K, D=D, tau=TAU) for K in every], law.name)
    for K in CLASSES:
        add(Classes(K, K, D, None, TAU, OLD), "K", K, "", {"competition": (LOST, "competition"), "drift": (LOST, "drift")} if K > OLD else {"drift": (LOST, "drift")})
    for d in DIMENSIONS:
        law = FORMULAS["random_prototypes_accuracy"]
        table.add_curve(SAMPLES, "nearest", "n", COUNTS, [law(K=10, d=d, n=n, D=D, tau=0.0) for n in COUNTS], law.name, f"d={d}")
        for n in COUNTS[:5]:
            add(Classes(10, d, D, n, old=OLD, random=True), "n", n, f"d={d}", {"among_all": (SAMPLES, "nearest")})


def facts(table: Table) -> dict[str, Any]:
    drift, competition = (table.only(kind=THEORY, quantity=LOST, training=name, x=CLASSES[-1]).mean for name in ("drift", "competition"))
    return {"share": drift / (drift + competition), "features": ", ".join(map(str, DIMENSIONS))}


def lines(name: str, values: tuple[float, ...]) -> list[Line]:
    return [Line(look, f"${name}={value:g}$", {"case": f"{name}={value:g}"}) for value, look in zip(values, STEPS, strict=False)]


FIGURE = Figure(
    __doc__, compute, curves(
        Panel("known means", lines("D", DISTANCES), {"quantity": KNOWN}, ticks=CLASSES, legend={"loc": "lower left"}, axes={"xlabel": "classes $K$", "ylabel": "accuracy"}),
        Panel(f"what {OLD} old classes lose", [Line(FROZEN, "competition", {"training": "competition"}), Line(INITIALIZED, "drift", {"training": "drift"})], {"quantity": LOST}, ticks=CLASSES, zero=True,
              legend={"loc": "upper left"}, axes={"xlabel": "classes $K$", "ylabel": "accuracy lost"}),
        Panel("ten prototypes", lines("d", DIMENSIONS), {"quantity": SAMPLES}, ticks=COUNTS, legend={"loc": "lower right"}, axes={"xlabel": "samples of each", "ylabel": "accuracy"}),
    ), globals(), facts, trials=4000, quick_trials=400, size=(10.4, 3.6),
)  # fmt: skip
