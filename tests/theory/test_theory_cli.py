"""The ledger's command line, as a newcomer calls it."""

import json
import math
from subprocess import CompletedProcess

import pytest
from scaffold import python

from theory.formulas import FAMILIES, FORMULAS, SLOTS
from theory.ledger.ridge import OfEigenvalues
from theory.notations import code


def run(*arguments: str) -> CompletedProcess:
    return python("-m", "theory", *arguments)


def test_list_names_everything():
    result = run("list")
    assert result.returncode == 0
    for name in (*FORMULAS, *SLOTS):
        assert name in result.stdout
    assert len(json.loads(run("list", "--json").stdout)["formulas"]) == len(FORMULAS)


def test_show_says_what_a_formula_needs():
    shown = run("show", "frozen_deviation").stdout
    assert "k_A*(g_u + sigma_2**2)" in shown and "finite where Abs(n_2 - p_2) > 1" in shown and "Lemma 4.2" in shown
    assert "could not be obtained" in run("show", "Remark 4.1").stdout


def test_eval_computes_the_worked_example():
    values = "p=40 p_1=60 p_2=60 n_1=30 n_2=20 sigma_1=0.3 sigma_2=1/2 u_11=1 q_11=0 d_q=0".split()
    result = json.loads(run("eval", "v1_reconstruction", "--set", *values, "--json").stdout)
    assert result["value"] == pytest.approx(0.8711, abs=5e-5) and result["intermediates"]["N"] == 100
    assert "frozen_deviation = 1.1209" in run("eval", "frozen_deviation", "--set", *values, "d_u=0", "c_u=0").stdout


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "message"), [
    (("show", "frozen_devation"), "did you mean 'frozen_deviation'"),
    (("eval", "frozen_deviation", "--set", "p=40"), "needs 'p_1'"),
    (("eval", "lin_forgetting", "--set", "q=40"), "unknown parameter of lin_forgetting: 'q'"),
    (("list", "--load"), "--load names no file"),
    (("eval", "frozen_deviation", "--set", "p=forty"), "write NAME=VALUE"),
    (("eval", "Lemma 4.3"), "has no expression"),
    (("show", "p2_star", "--latex", "--python"), "choose one"),
    (("show", "Lemma 4.2", "--latex"), "without an expression"),
])
def test_bad_input_exits_with_status_2(arguments, message):
    result = run(*arguments)
    assert result.returncode == 2 and message in result.stderr and not result.stdout


def test_a_notebook_registers_a_formula_and_registers_it_again():
    """In a module without a file; a name of ours stays ours."""
    program = "from dataclasses import replace\nfrom theory.formulas import FORMULAS\nfor s in 'ab':\n    "
    program += "FORMULAS.register(replace(FORMULAS['p2_star'], name='mine', statement=s))\nprint(FORMULAS['mine'].statement)\nFORMULAS.register(FORMULAS['p2_star'])"
    done = python("-c", program)
    assert done.stdout == "b\n" and "two parts are called formula 'p2_star'" in done.stderr


def test_export_holds_the_whole_ledger():
    ledger = json.loads(run("export").stdout)
    assert ledger["schema"] == 1 and [entry["name"] for entry in ledger["formulas"]] == list(FORMULAS)
    assert all(entry["latex"] and entry["python"] and entry["mathematica"] for entry in ledger["formulas"])


def test_python_code_computes_the_formula():
    import numpy as np

    for family in FAMILIES.values():
        formula, case = family.formula, family.cases[0]
        arguments = {name: np.pad(np.asarray(v, float), [(1, 0)] * np.ndim(v)) if np.ndim(v) else v for name, v in case.items()}
        names = {"sqrt": math.sqrt, "builtins": __import__("builtins"), **{one.__name__: one._imp_ for one in OfEigenvalues.__subclasses__()}}
        assert eval(code(formula, "python"), {**names, **arguments}) == pytest.approx(formula(**case), rel=1e-12, abs=1e-15)


def test_mathematica_code_has_no_python_left():
    for formula in FORMULAS.values():
        text = code(formula, "mathematica")
        assert "_" not in text and "**" not in text and text.count("[") == text.count("]") and text.count("{") == text.count("}")
