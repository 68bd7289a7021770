"""The numbers of pages are those of the committed records."""

import json

import numpy as np
import pytest
from scaffold import ROOT
from scipy.stats import t as student

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("ntk", "ntkcl")}


def lines(name):
    return [json.loads(line) for line in (ROOT / "figures" / "records" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def row(*cells):
    return f"| {' | '.join(cells)} |"


def of_widths(name="ntk", settings=("width", "depth", "scale", "tasks")):
    """Rows of the table of widths."""
    for line in lines(name):
        setting, last, found = line["settings"], line["settings"]["tasks"], {name: np.array(values) for name, values in line["measured"].items()}
        network = found["forgetting, network"]
        off = [np.mean(abs(found[f"forgetting, {kernel}"] - network)) / np.mean(network) for kernel in ("fixed", "refreshed")]
        functions = [np.mean(found[f"functions off by, {kernel}, task {task}"]) for kernel, task in (("fixed", 1), ("fixed", last), ("refreshed", last))]
        yield row(*(f"{setting[name]:g}" for name in settings), f"{np.mean(network):.3f}", *(f"{value:.4f}" for value in (*off, *functions)))


def of_adapters():
    return of_widths("ntk_adapters", ("width", "scale"))


def of_heads():
    """Rows of both tables of frozen features."""
    for line in lines("ntk_head"):
        found, name = line["measured"], (", ".join(map(str, line["settings"]["sizes"])), f"{line['settings']['penalty']:g}")
        columns = ("last", "mean", "best weights", "joint", "prototypes", "forgetting", "own error", "own gap", "interplay gap")
        for several in (columns, [*(f"pairs, {count} a class" for count in (3, 10, 30, 100)), "share and forgetting"]):
            yield row(*name, *(f"{found[column]:.3f}" for column in several))


LINES = {(line["form"], line["order"]): line for line in lines("ntk_cl")}
ORDERS, FRESH, AT_ONCE = range(1, 7), range(7, 25), 44
FORMS = [form for form in dict.fromkeys(form for form, _ in LINES) if form != "published"]
KINDS = ("channel", "token", "mixed", "all")


def accuracy(part, readout, form="published", orders=ORDERS):
    return 100 * np.array([LINES[form, order][part][readout] for order in orders])


def drift(form, state):
    return np.log([LINES[form, order]["measured"]["drift"][state][KINDS.index("mixed")] for order in ORDERS])


def growth(form, stage, block):
    return np.log([LINES[form, order]["measured"]["kernel_after"][stage][block] / LINES[form, order]["measured"]["kernel_before"][stage][block] for order in ORDERS])


def interval(values, ratio=False, at_once=AT_ONCE):
    half = student.ppf(1 - 0.025 / at_once, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    ends = np.array([np.mean(values), np.mean(values) - half, np.mean(values) + half])
    return "{} [{}, {}]".format(*(f"{end:{'' if ratio else '+'}.2f}" for end in (np.exp(ends) if ratio else ends)))


def of_readouts():
    for name, state in {"branches": "current", "running mean": "mean", "0.3 mean, 0.1 branches: as published": "published", "three sets: these and 1 of the frozen": "three"}.items():
        yield row(name, *(f"{accuracy('stored', f'{state} {kind}').mean():.1f} ({accuracy('refreshed', f'{state} {kind}').mean():.1f})" for kind in KINDS))


def of_comparisons():
    """The intervals of the six orders; there are `AT_ONCE` of them with those of forms and kernels."""
    gains = {part: {kind: accuracy(part, f"mean {kind}") - accuracy(part, f"current {kind}") for kind in KINDS} for part in ("stored", "refreshed")}
    frozen = dict.fromkeys(KINDS, accuracy("stored", "frozen"))
    mean, three, published = ({kind: accuracy("stored", f"{state} {kind}") for kind in KINDS} for state in ("mean", "three", "published"))
    for left, right in ((gains["stored"], None), (gains["refreshed"], None), (gains["stored"], gains["refreshed"]), (three, mean), (three, frozen), (published, frozen)):
        yield row(*(interval(left[kind] - (0 if right is None else right[kind])) for kind in ("channel", "mixed")))[1:]


def of_forms():
    for form in FORMS:
        gains = [interval(accuracy("stored", f"published {kind}", form) - accuracy("stored", f"published {kind}")) for kind in ("channel", "mixed")]
        yield row(form, *gains, *(interval(drift(form, state) - drift("published", state), ratio=True) for state in ("current", "mean")))


def of_kernels():
    for form, stage in (("published", "channel"), ("restart", "channel"), ("published", "fusion"), ("token live", "token")):
        yield row(f"{form}: {stage}", *(interval(growth(form, stage, block), ratio=True) for block in ("within", "between")))


def of_fresh_orders():
    """Three hypotheses at once, on orders that had no part in them."""
    stored, refreshed = (accuracy(part, "mean channel", orders=FRESH) - accuracy(part, "current channel", orders=FRESH) for part in ("stored", "refreshed"))
    for values in (stored, refreshed, stored - refreshed):
        yield interval(values, at_once=3)


@pytest.mark.parametrize(
    ("page", "made"), [("ntk", of_widths), ("ntk", of_adapters), ("ntk", of_heads), *(("ntkcl", made) for made in (of_readouts, of_comparisons, of_forms, of_kernels, of_fresh_orders))]
)
def test_tables(page, made):
    assert [line for line in made() if line not in PAGES[page]] == []


def test_intervals_are_as_many_as_they_are_adjusted_for():
    assert AT_ONCE == 2 * len([*of_comparisons()]) + 4 * len(FORMS) + 2 * len([*of_kernels()])
