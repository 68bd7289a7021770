"""The command line as users run it: exit statuses, JSON, messages."""

import json
from functools import partial

import pytest
import sympy
from scaffold import ROOT, outcome as outcome_of, python, raising

import theory.formulas
from simulate.__main__ import main
from simulate.verdicts.report import FIELDS
from theory import Isotropic, one_block
from theory.formula import Condition, Family, Formula

LEMMA = """
from sympy import symbols
from theory import Isotropic, one_block

p, n, sigma = symbols("p n sigma")
formula = 1 - n / p + n * sigma**2 / (p - n - 1)
quantity = "error[0,0]"

def build(p, n, sigma):
    return one_block(p, (n,), sigma, truth=[Isotropic(1)])

cases = [{"p": 30, "n": n, "sigma": 0.4} for n in (8, 12)]
"""


def run(*arguments, cwd=ROOT):
    return python("-m", "simulate", *arguments, cwd=cwd)


@pytest.fixture
def lemma(tmp_path):
    def write(old="", new="", name="mylemma.py"):
        assert old in LEMMA
        path = tmp_path / name
        path.write_text(LEMMA.replace(old, new) if old else LEMMA + new)
        return path

    return write


def test_a_right_lemma_agrees_from_any_folder(lemma, tmp_path):
    """One that was written with the quantity's former name, too."""
    lemma("quantity =", "target =")
    done = run("check", "mylemma.py", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("mylemma: agree (2 agree of 2 cases)\n")
    assert "mylemma, n=8: theory 0.79" in done.stdout and "would have been detected" in done.stdout
    assert "nominal 0.05" in done.stdout and "false-alarm rate of 1e-06" in done.stdout


def test_a_wrong_lemma_is_caught_and_json_says_so(lemma):
    done = run("check", lemma("(p - n - 1)", "(p - n + 9)"), "--json", "--delta", "0.03", "--seed", "4")
    assert done.returncode == 1 and done.stderr == ""
    found = json.loads(done.stdout)
    assert found["exit_status"] == 1 and found["settings"]["delta"] == 0.03 and found["settings"]["seed"] == 4
    (family,) = found["families"]
    assert (family["formula"], family["verdict"], family["expected"]) == ("mylemma", "disagree", "agree")
    assert all(set(FIELDS) < set(row) for row in found["rows"]) and len(found["rows"]) == 2
    assert found["rows"][1]["verdict"] == "disagree" and found["rows"][1]["case"] == {"p": 30, "n": 12, "sigma": 0.4}
    assert [(rate["beyond"], rate["nominal"]) for rate in found["tail_rates"]] == [(1.96, 0.05), (2.58, 0.01), (3.29, 0.001)]


def test_verify_runs_named_families():
    done = run("verify", "forgetting_at_p2_star", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and [(family["verdict"], family["exact"]) for family in found["families"]] == [("agree", True)]
    assert {row["formula"] for row in found["rows"]} == {"forgetting_at_p2_star"}


def test_mistakes_in_the_call_exit_with_2(capsys):
    for name, words in (("frozen_deviatio", "did you mean 'frozen_deviation'"), ("p2_star", "has no family")):
        status, out, err = outcome(capsys, "verify", name)
        assert status == 2 and out == "" and err.startswith("error: ") and words in err
    usage = run("check")
    assert usage.returncode == 2 and "FILE" in usage.stderr and "Traceback" not in usage.stderr


# In this process, to save the start of Python: what the functions behind the command print and return.


outcome = partial(outcome_of, main)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("quantity =", "quantiy =", "does not define 'quantity' (it must define formula, quantity, build, cases, or grid in place of cases); is it 'quantiy'?"),
    ('symbols("p n sigma")', 'symbols("p n")', "mylemma.py, line 5: ValueError: not enough values"),
    ("formula =", "formula = 1 / 0 #", "mylemma.py, line 6: ZeroDivisionError"),
    ("formula =", "formula = = ", "mylemma.py, line 6: SyntaxError"),
    ("from sympy", "from sumpy", "mylemma.py, line 2: ModuleNotFoundError: No module named 'sumpy'"),
    ("def build", "one_block(30, (8,), -1, truth=[Isotropic(1)])\ndef build", "mylemma.py, line 9: noise is -1"),
    ("def build", "exit(3)\ndef build", "mylemma.py, line 9: SystemExit: 3"),
    ("return one_block", "return [][1]\n    one_block", "build raised IndexError: list index out of range"),
    ("def build(p,", "def build(p: Dimension,", "mylemma.py, line 9: NameError: name 'Dimension' is not defined"),
    ('quantity = "error[0,0]"', 'quantity = "erorr[0,0]"', "did you mean 'error'?"),
    ("cases =", "exact = formula\ncases =", "exact is "),
    ("cases =", "max_trials = 5000.5\ncases =", "max_trials is 5000.5"),
    ("cases =", "grid = dict(p=[30], n=[8], sigma=[0.4])\ncases =", "defines both 'grid' and 'cases'"),
    ("(8, 12)", "(8, 12, 8.0)", "case 2 (p=30, n=8, sigma=0.4) repeats case 0"),
    *(
        ("cases =", f"{name} = 0.03\ncases =", f"defines '{name}', which is not read; did you mean '{known}'?")
        for name, known in [
            ("Delta", "delta"), ("detla", "delta"), ("exspected", "expected"), ("tolerance", "delta"), ("Solver", "solver"),
            ("feature", "features"), ("falseAlarm", "false_alarm"), ("max_trial", "max_trials"), ("trials", "max_trials"), ("Grid", "grid"),
        ]
    ),
])
def test_mistakes_in_the_file_name_the_line(capsys, lemma, old, new, message):
    status, out, err = outcome(capsys, "check", lemma(old, new))
    assert status == 2 and out == "" and err.startswith("error: ") and message in err and "Traceback" not in err


def test_missing_files(capsys, tmp_path):
    for path in (tmp_path / "none.py", tmp_path):
        status, out, err = outcome(capsys, "check", path)
        assert status == 2 and out == "" and err.startswith(f"error: cannot read {path}: ")


def test_options_in_the_file_and_before_it(capsys, lemma):
    path = lemma('quantity = "error[0,0]"', 'quantity = "error[0,0]"\ndelta = 0.05\nexpected = "disagree"\nname = "mine"')
    status, out, err = outcome(capsys, "check", path, "--json")
    found = json.loads(out)
    assert status == found["exit_status"] == 1  # it agrees, yet the file expects it not to
    assert found["settings"]["delta"] == 0.05 and found["rows"][0]["formula"] == "mine" and "expected to disagree" in err
    assert json.loads(outcome(capsys, "check", path, "--json", "--delta", "0.03")[1])["settings"]["delta"] == 0.03


def test_a_file_may_say_all_that_check_takes_and_the_command_has_the_last_word(capsys, lemma):
    """The right formula of one gradient step, which agrees with that and with nothing else."""
    step = "1 - 2 * rate + rate**2 * (n + p + 1 + p * sigma**2) / n"
    path = lemma("formula = 1 - n / p + n * sigma**2 / (p - n - 1)", f"from simulate import GradientDescent\nrate = 0.02\nformula = {step}")
    options = "delta, power, seed, false_alarm, pilot_trials, max_trials = 0.004, 0.9, 5, 1e-4, 1024, 2e6\nsolver = GradientDescent(1, rate)\n"
    path.write_text(path.read_text() + options)
    status, out, err = outcome(capsys, "check", path, "--json")
    found = json.loads(out)
    assert status == 0 and err == "" and found["rows"][0]["conditions"] == "GradientDescent(steps=1, rate=0.02)"
    wanted = {"delta": 0.004, "power": 0.9, "seed": 5, "false_alarm": 1e-4, "pilot_trials": 1024, "max_trials": 2_000_000, "min_trials": 0}
    assert found["settings"] == wanted
    given = ("--delta", "0.01", "--power", "0.95", "--seed", "0", "--false-alarm", "1e-6", "--max-trials", "8192", "--min-trials", "8192")
    changed = json.loads(outcome(capsys, "check", path, "--json", *given)[1])
    assert list(changed["settings"].values()) == [0.01, 1e-6, 0.95, 0, 1024, 8192, 8192]
    path.write_text(path.read_text().replace("solver =", "_solver ="))
    assert outcome(capsys, "check", path)[0] == 1


def test_a_lemma_may_use_a_grid_whole_floats_and_helpers_of_its_own(capsys, lemma):
    helpers = "import numpy as features_of\nfrom simulate import grid\ntruths = seeds = w = lower = [1]\nmean = case = seed1 = 3\ndef solve(x): return x\n"
    path = lemma("cases = ", helpers + "cases = grid(p=[30.0], n=[8.0, 12.0], sigma=[0.4])\n_cases = ")
    status, out, err = outcome(capsys, "check", path, "--json")
    assert (status, err) == (0, "") and [row["case"]["n"] for row in json.loads(out)["rows"]] == [8.0, 12.0]
    multiplied = lemma("cases = ", "grid = dict(p=[30], n=[8, 12], sigma=[0.4])\n_cases = ")
    assert [row["mean"] for row in json.loads(outcome(capsys, "check", multiplied, "--json")[1])["rows"]] == [row["mean"] for row in json.loads(out)["rows"]]


@pytest.mark.parametrize(("samples", "expected", "status", "message"), [
    (8, "agree", 0, ""),
    (8, "disagree", 1, "failed: ours agrees although it is expected to disagree"),
    (21, "agree", 3, "open: ours is undecided, which is no agreement; the plan asks for"),
    (29, "agree", 3, "open: ours was not tested"),
])
def test_verify_accepts_nothing_but_the_expected_verdict(capsys, monkeypatch, samples, expected, status, message):
    p, n = sympy.symbols("p n")
    rule = Formula(
        "rule", "", 1 - n / p + n * sympy.Rational(4, 25) / (p - n - 1), {"p": "", "n": ""}, "", "reconstructed", "error[0,0]",
        lambda p, n: one_block(p, (n,), 0.4, truth=[Isotropic(1)]), domain=(Condition(n < p - 1, "finite"),),
    )  # fmt: skip
    monkeypatch.setattr(theory.formulas, "FAMILIES", {"ours": Family("ours", rule, ({"p": 30, "n": samples},), "", expected)})
    found, out, err = outcome(capsys, "verify", "--max-trials", 4096)
    assert found == status and out.startswith("ours: ") and message in err and bool(err) == bool(status)


def test_a_formula_brings_its_own_target_and_build(capsys, tmp_path):
    path = tmp_path / "ours.py"
    path.write_text(
        "from theory.formulas import FAMILIES\n"
        "family = FAMILIES['forgetting_at_p2_star']\n"
        "formula, cases = family.formula, family.cases[:1]\n"
    )
    status, out, _ = outcome(capsys, "check", path)
    assert status == 0 and out.startswith("forgetting_at_p2_star: agree (1 agree of 1 cases)")


def test_the_file_may_import_its_neighbours_and_use_dataclasses(capsys, lemma, tmp_path):
    (tmp_path / "neighbour_of_lemma.py").write_text("COUNT = 8\n")
    imports = "from dataclasses import dataclass\nfrom neighbour_of_lemma import COUNT\n"
    path = lemma("cases = ", imports + "@dataclass\nclass A:\n    x: 'int' = COUNT\ncases = ")  # text annotations need sys.modules
    assert outcome(capsys, "check", path)[0] == 0


def test_an_interrupt_says_so(capsys, lemma, monkeypatch):
    monkeypatch.setattr("simulate.verdicts.lemma.load_lemma", raising(KeyboardInterrupt))
    status, out, err = outcome(capsys, "check", lemma())
    assert status == 130 and out == "" and "interrupted" in err
