"""The command line as a newcomer types it: misspelt words, help, JSON."""

import json

import pytest
from scaffold import outcome, python

from deep.commands.settings import NETWORKS as NETWORK_NAMES, NORMALISATIONS as NORMALISATION_NAMES, strategy_names
from deep.data import DATASETS
from deep.networks import NETWORKS
from deep.networks.normalisation import NORMALISATIONS
from deep.reference import REFERENCES
from deep.strategies import STRATEGIES
from deep.streams import STREAMS
from deep.studies.presets import PRESETS
from deep.training.options import EXECUTIONS, OPTIMISERS, PRECISIONS
from driftlaw.__main__ import COMMANDS, main
from figures.registry import discover
from theory.formulas import FAMILIES
from theory.memory import FORMS as STRENGTHS
from theory.quantities import FORMS


@pytest.mark.parametrize(("typed", "meant"), [
    ("chek", "driftlaw check"),
    ("deep rnu", "driftlaw deep run"),
    ("deep run --seed 1", "driftlaw deep run --seeds"),
    ("theory lst", "driftlaw theory list"),
    ("theory eval p2_star --jsn", "driftlaw theory eval --json"),
    ("check --delt 0.1", "driftlaw check --delta"),
    ("report --no-jsn", "driftlaw report --json"),
])
def test_a_misspelt_word_gets_the_command_that_is_meant(typed, meant, capsys):
    status, out, err = outcome(main, capsys, *typed.split())
    assert (status, out, err.count("\n")) == (2, "", 1) and err.count("did you mean") == 1 and f"did you mean `{meant}`?" in err


def ours(parts):
    return [name for name in parts if parts.own(name) is None]  # other tests register theirs


HELP = {
    "check": FORMS, "sweep": FORMS, "verify": FAMILIES, "robustness": FAMILIES, "figures": discover(), "report": (), "calibrate": (), "theory": (), "gpu": (),
    "deep run": (*ours(STRATEGIES), *ours(NETWORKS), *NORMALISATIONS, *STREAMS, *DATASETS, *OPTIMISERS, *PRECISIONS, *EXECUTIONS), "deep": (), "deep data": DATASETS,
    "deep streams": (*STREAMS, *DATASETS), "deep study": PRESETS, "deep reference": ours(REFERENCES), "theory show": (), "theory export": (), "derive": FORMS, "refute": ("small_distance_forgetting",), "compare": FORMS, "memory": STRENGTHS,
}  # fmt: skip


@pytest.mark.parametrize("command", HELP)
def test_help_names_the_choices_and_how_own_parts_come_in(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "4000")
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0 and "--load FILE.py" in text and {command.split()[0] for command in HELP} == COMMANDS.keys()
    assert [name for name in HELP[command] if name not in text] == []


def test_names_that_help_reads_without_torch_are_those_of_the_registries():
    assert (strategy_names(), [*NETWORK_NAMES], NORMALISATION_NAMES) == (sorted(ours(STRATEGIES)), ours(NETWORKS), NORMALISATIONS)


def test_programs_read_errors_too(tmp_path):
    done = python("-m", "driftlaw", "theory", "eval", "p2_star", "--json", cwd=tmp_path)
    assert done.returncode == 2 and not done.stdout and json.loads(done.stderr).keys() == {"error", "code"}
    assert json.loads(done.stderr)["code"] == "input-error"


@pytest.mark.parametrize("words", [("show", "p2_star"), ("show", "Lemma 4.3"), ("export", "p2_star", "Lemma 4.3")], ids=" ".join)
def test_entries_of_the_catalogue_as_json(words, capsys):
    status, out, _ = outcome(main, capsys, "theory", *words, *(["--json"] if words[0] == "show" else []))
    found = json.loads(out)
    names = [found["name"]] if words[0] == "show" else [entry["name"] for entry in (*found["formulas"], *found["slots"])]
    assert status == 0 and names == [*words[1:]]
