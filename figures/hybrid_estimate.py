r"""What the hybrid rule's score sees of a distance, and an estimate that sees it.

Two tasks; frozen training forgets less left of the grey line, initialized training right of it. (a) The published
score in our reading, cosine of the shared gradients; line: cosine of the exact expectations. (b) Unbiased estimate of
frozen minus initialized forgetting, from the same gradients, the last step and pairs of samples; line: exact law.
Bands: one standard deviation of a single run to each side. Of two tasks at distances 0 and {last:g}, the nearer has the
larger cosine with probability {cosine:.2f}, the smaller estimate with {estimate:.2f}, and with {cut:.2f} if impossible
parts of the estimate are cut. (c) {settings:,} random settings of wide range, one draw each: mean logarithm of
$E\,L_1(\theta_2)$ under the training chosen over that under the better one, if that share is frozen, by the largest
cosines or the smallest estimates per unit of task 2's squared residual; bars: Student 95 % intervals.
{simulation} {experiment} $q_2-q_1$ is orthogonal to $q_1$, $u_2=u_1$.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import mannwhitneyu

from figures.kit import INITIALIZED, SIMULATION, STEPS, THIRD, Axes, Figure, Line, Look, Panel, Sampler, Simulated, Table, bars, curves, vertical
from simulate.hybrid_rule import watch
from simulate.sample.adaptive import frozen_sequence
from theory import TaskSequence, expected_errors, moment_orders
from theory.claims import random_settings
from theory.ledger.two_tasks import initialized_two_tasks
from theory.regions import critical_distance
from theory.score import estimate, score_law

EXPERIMENT = {"p": 55, "p_1": 33, "p_2": 33, "n_1": 7, "n_2": 23, "sigma_1": 0.2, "sigma_2": 0.2, "u_11": 0.05, "q_11": 4.0}
DISTANCES, SHARES = np.linspace(0, 2, 9), np.linspace(0, 1, 21)
COSINE, ESTIMATE, CUT = "hybrid, cosine", "estimate", "hybrid, cut"
LOOKS = {COSINE: Look(STEPS[3].colour, "-", "^"), ESTIMATE: Look(THIRD.colour, "-", "o"), CUT: Look(INITIALIZED.colour, "--", "s")}
NAMES = {COSINE: "cosine", ESTIMATE: "estimate", CUT: "estimate, cut"}
LOSS, AUC = "loss", "probability"


def sequence(distance: float) -> TaskSequence:
    """Return the experiment under initialized training."""
    return initialized_two_tasks(**EXPERIMENT, d_q=distance**2)


def scores(criterion: str, seq: TaskSequence, trials: int, seed: tuple[int, ...]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Sample what should be large where freezing pays, and the mean squared residual of task 2, trial by trial."""
    seen, _ = watch(seq, trials, seed)
    squares = seen["squares"][:, :, 0]
    cosine = seen["products"][:, 1, 0] / np.sqrt(squares.prod(axis=1))
    return {COSINE: cosine} | {name: -estimate(criterion, seq, seen, cut=name == CUT) for name in (ESTIMATE, CUT)}, seen["level"][:, 1]


def gap(criterion: str, seq: TaskSequence, change: Callable[[float], float] = float) -> float:
    """Frozen minus initialized training by the exact law."""
    frozen, full = (change(float(expected_errors(each).read(criterion))) for each in (frozen_sequence(seq, ("shared",)), seq))
    return frozen - full


def in_settings(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Draw every random setting once: parameters, scores by name, and "ratio", the logarithm of E L_1(theta_2) frozen over initialized."""
    settings = random_settings(count, seed, overparameterized=False)
    enough, found = (settings["n_1"] > 1) & (settings["n_2"] > 1), []
    settings = {name: values[enough] for name, values in settings.items()}
    for k in range(enough.sum()):
        seq = initialized_two_tasks(**{name: values[k].item() for name, values in settings.items()})
        drawn, level = scores("deviation", seq, 1, (seed, k))
        found.append([drawn[COSINE][0], *(drawn[name][0] / level[0] for name in (ESTIMATE, CUT)), gap("deviation", seq, np.log)])
    return settings | dict(zip((*NAMES, "ratio"), np.transpose(found), strict=True))


def losses(ratio: np.ndarray, frozen: np.ndarray) -> np.ndarray:
    """Logarithm of the criterion under the chosen training over that under the better one."""
    return np.where(frozen, np.maximum(ratio, 0), np.maximum(-ratio, 0))


def auc(left: np.ndarray, right: np.ndarray) -> float:
    """Probability that one of the left is larger than one of the right."""
    return float(mannwhitneyu(left, right).statistic / len(left) / len(right))


def compute(table: Table, sampler: Sampler) -> None:
    table.add_curve("score", COSINE, "distance", DISTANCES, [score_law(sequence(x)).cosine[0] for x in DISTANCES], "score_law")
    table.add_curve("score", ESTIMATE, "distance", DISTANCES, [gap("forgetting", sequence(x)) for x in DISTANCES], "expected_errors")

    def run(seed: tuple[int, ...], trials: int) -> dict:
        found = [scores("forgetting", sequence(x), trials, (*seed, place))[0] for place, x in enumerate(DISTANCES)]
        return {
            "aucs": [auc(found[0][name], found[-1][name]) for name in NAMES],
            "points": [[(sign * one[name].mean(), one[name].std(ddof=1)) for one in found] for name, sign in ((COSINE, 1), (ESTIMATE, -1))],
            "settings": {name: values.tolist() for name, values in in_settings(trials).items()},
        }

    found, order = sampler.stored({"distances": DISTANCES.tolist()}, __file__, run), min(moment_orders(sequence(0)).step_sizes[:1])
    for name, values in zip((COSINE, ESTIMATE), found["points"], strict=True):
        for x, (mean, deviation) in zip(DISTANCES.tolist(), values, strict=True):
            table.add_point("score", name, "distance", x, Simulated(mean, deviation / np.sqrt(sampler.trials), sampler.trials, order))
    for name, probability in zip(NAMES, found["aucs"], strict=True):
        table.add_mark(AUC, name, "distance", DISTANCES[-1], probability, "mannwhitneyu")
        ratio, score = np.array(found["settings"]["ratio"]), np.array(found["settings"][name])
        for share, least in zip(SHARES, [np.inf, *np.quantile(score, 1 - SHARES[1:])], strict=True):
            table.add_measured(LOSS, name, "share frozen", share, losses(ratio, score >= least), "random_settings")


def _score(title: str, name: str, label: str) -> Panel:
    def finish(ax: Axes, table: Table) -> None:
        rows = table.select(kind=SIMULATION, training=name)
        mean, deviation = rows.column("mean"), rows.column("stderr") * np.sqrt(rows.trials())
        ax.fill_between(rows.column("x"), mean - deviation, mean + deviation, color=LOOKS[name].colour, alpha=0.15, linewidth=0)
        vertical(ax, float(np.sqrt(critical_distance(**EXPERIMENT))))

    axes = {"xlabel": "distance $|q_2-q_1|$", "ylabel": label}
    return Panel(title, [Line(LOOKS[name], "")], {"quantity": "score", "training": name}, zero=True, axes=axes, finish=finish)


def _losses(ax: Axes, table: Table) -> None:
    for name, look in LOOKS.items():
        bars(ax, table.select(quantity=LOSS, training=name), look, label=NAMES[name], markersize=2.4)
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left")


def facts(table: Table) -> dict:
    probabilities = dict(zip(("cosine", "estimate", "cut"), table.select(quantity=AUC).column("mean"), strict=True))
    return {"last": DISTANCES[-1], "settings": table.select(quantity=LOSS).rows[0].trials} | probabilities


FIGURE = Figure(
    __doc__, compute,
    curves(
        _score("the cosine", COSINE, "cosine of shared gradients"), _score("the estimate", ESTIMATE, "frozen minus initialized"),
        Panel("random settings", (), finish=_losses, axes={"xlabel": "share frozen", "ylabel": "mean logarithm lost"}),
    ),
    globals(), facts, trials=2000, quick_trials=150, size=(9.2, 3.2),
)  # fmt: skip
