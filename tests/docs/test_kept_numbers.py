"""The numbers of pages are those of the committed records."""

import json

import numpy as np
import pytest
from scaffold import ROOT

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("ntk", "ntkcl")}


def lines(name):
    return [json.loads(line) for line in (ROOT / "figures" / "records" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def row(*cells):
    return f"| {' | '.join(cells)} |"


def of_widths():
    """Rows of the table of widths."""
    for line in lines("ntk"):
        setting, last, found = line["settings"], line["settings"]["tasks"], {name: np.array(values) for name, values in line["measured"].items()}
        network = found["forgetting, network"]
        off = [np.mean(abs(found[f"forgetting, {kernel}"] - network)) / np.mean(network) for kernel in ("fixed", "refreshed")]
        functions = [np.mean(found[f"functions off by, {kernel}, task {task}"]) for kernel, task in (("fixed", 1), ("fixed", last), ("refreshed", last))]
        yield row(*(f"{setting[name]:g}" for name in ("width", "depth", "scale", "tasks")), f"{np.mean(network):.3f}", *(f"{value:.4f}" for value in (*off, *functions)))


def of_heads():
    """Rows of both tables of frozen features."""
    for line in lines("ntk_head"):
        found, name = line["measured"], (", ".join(map(str, line["settings"]["sizes"])), f"{line['settings']['penalty']:g}")
        columns = ("last", "mean", "best weights", "joint", "prototypes", "forgetting", "own error", "own gap", "interplay gap")
        for several in (columns, [*(f"pairs, {count} a class" for count in (3, 10, 30, 100)), "share and forgetting"]):
            yield row(*name, *(f"{found[column]:.3f}" for column in several))


@pytest.mark.parametrize(("page", "made"), [("ntk", of_widths), ("ntk", of_heads)])
def test_tables(page, made):
    assert [line for line in made() if line not in PAGES[page]] == []
