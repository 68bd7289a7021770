"""Derivations: equal to the catalogue, judged by the law, planted mistakes named, and everything that is made of them runs."""

import json
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
from scaffold import ROOT, assert_refused, outcome, refusals

import driftlaw as dl
from driftlaw import FORMULAS, DomainError, NoClosedForm
from driftlaw.__main__ import main
from driftlaw.testing import assert_equal_to_law
from theory.ledger.one_block import equal_tasks
from theory.ledger.replay import constrained
from theory.ledger.two_tasks import excess_risk, from_zero_two_tasks, initialized_two_tasks, two_tasks

UNDER = "underparameterized"
p, p_1, p_2, n, n_1, n_2, T = sympy.symbols("p p_1 p_2 n n_1 n_2 T", positive=True, integer=True)
m = sympy.Symbol("m", nonnegative=True, integer=True)
sigma, sigma_1, sigma_2, u, q, d_u, d_q, x_q, w, d = sympy.symbols("sigma sigma_1 sigma_2 u_11 q_11 d_u d_q x_q w_11 d_w", nonnegative=True)
c_u, c_q, c_w = sympy.symbols("c_u c_q c_w", real=True)
PAPER = dict(p=p, p_1=p_1, p_2=p_2, n_1=n_1, n_2=n_2, sigma_1=sigma_1, sigma_2=sigma_2, u_11=u, q_11=q, d_u=d_u, c_u=c_u, d_q=d_q, c_q=c_q, x_q=x_q)
PAIR = dict(p=p, n_1=n_1, n_2=n_2, m=m, sigma_1=sigma_1, sigma_2=sigma_2, w_11=w, d_w=d, c_w=c_w)
HARD = constrained(**PAIR)
LIN = dl.one_block(p, (n,), sigma, gram=[[1]])


def gram(letter: str, tasks: int) -> list[list[sympy.Symbol]]:
    return [[sympy.Symbol(f"{letter}_{min(i, j)}{max(i, j)}") for j in range(tasks)] for i in range(tasks)]


def stored(start: str) -> dl.TaskSequence:
    """Three tasks with growing memory."""
    tasks = [dl.Task(n, sigma, {"w": f"w_{t}"}, ("w",), start=start, memory={s: m for s in range(t)}) for t in range(3)]
    return dl.TaskSequence({"w": p}, tasks, {"w": gram("g", 3)})


def scaled(seq: dl.TaskSequence) -> dl.TaskSequence:
    share = sympy.Symbol("share", positive=True)
    return replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], scale={"shared": share, "specific": 1})])


INITIALIZED = dl.initialized({"shared": p, "specific": p_1}, (n_1, n_2), sigma, gram={"shared": gram("u", 2), "specific": gram("v", 2)})
FROZEN = dl.derive(two_tasks(**PAPER), "deviation")
EQUAL = {  # name in the catalogue: experiment, quantity, number of tasks
    "initialized_deviation": (initialized_two_tasks(**PAPER), "deviation", None),
    "initialized_deviation_excess_risk": (excess_risk(True)(**PAPER), "deviation", None),
    "from_zero_forgetting": (from_zero_two_tasks(**PAPER), "forgetting", None),
    "constraints_forgetting": (HARD, "forgetting", None),
    "constraints_second_error": (HARD, "error[1,1]", None),
    "lin_forgetting": (LIN, "forgetting", T),
    "lin_generalization": (LIN, "generalization", T),
    "lin_first_error": (LIN, "error[-1,0]", T),
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_derived_is_the_formula_of_the_catalogue(name):
    experiment, quantity, tasks = EQUAL[name]
    found = dl.same(dl.derive(experiment, quantity, tasks=tasks), FORMULAS[name])
    assert found.equal is (True if tasks is None else None)
    assert dl.same(FORMULAS[name].expanded, FORMULAS[name].expanded + sigma_1 + sigma).equal is False


HOLDS = {
    "heads": (dl.one_head_per_task(p, (p_1, p_2), (n_1, n_2), sigma, gram={"shared": gram("u", 2), "head": (q, d_q)}), "forgetting", {}),
    "stored": (stored("previous"), "forgetting", {}),
    "stored, from zero": (stored("zero"), "generalization", {}),
    "stored, beside a task above the threshold": (stored("zero"), "generalization", {"regime": UNDER}),
    "stored samples alone": (replace(stored("zero"), tasks=[*stored("zero").tasks[:2], replace(stored("zero").tasks[2], samples=0)]), "forgetting", {}),
    "step with memory": (stored("previous"), "update_magnitude", {}),
    "share of a step": (scaled(INITIALIZED), "forgetting", {}),
    "update from zero": (dl.one_block(p, (n_1, n_2), sigma, gram=gram("g", 2), start="zero"), "update_magnitude", {}),
    "more samples than parameters": (two_tasks(**PAPER), "forgetting", {"regime": UNDER}),
    "both sides": (two_tasks(**PAPER), "generalization", {"regime": (UNDER, "overparameterized")}),
    "numbers among symbols": (dl.one_block(20, (5, n, 0), sigma, gram=gram("g", 3)), dl.Quantity("own", lambda tasks: np.eye(tasks) / tasks), {}),
    "no noise at the threshold": (dl.one_block(5, (5, n), 0, gram=gram("g", 2)), "forgetting", {}),
    "nothing at all": (dl.one_block(p, (n_1, 0), sigma, gram=gram("g", 2)), "update_magnitude", {}),
    "stored, of a number of samples": (constrained(**PAIR | {"m": 2}), "forgetting", {}),
    "directions": (dl.one_block(p, (n_1, n_2), sigma, truth=[dl.Isotropic(w), dl.Isotropic(d)]), "step_size", {}),
    "names that are taken": (dl.one_block(p, (n_1, n_2), sympy.Symbol("r_1"), gram=[[sympy.Symbol("E_1"), 0], [0, sympy.Symbol("k_2")]]), "forgetting", {}),
}


@pytest.mark.parametrize("name", HOLDS)
def test_every_line_holds(name):
    """`derive` compares all lines with the law, and fails otherwise; here a second time, at other points."""
    experiment, quantity, options = HOLDS[name]
    proof = dl.derive(experiment, quantity, **options).proof(points=2, seed=7)
    assert proof.wrong == "" and 0 < proof.chance < 1e-25


def test_standard_names_come_out():
    names = {str(symbol): right for symbol, right in FROZEN.formula.intermediates}
    assert {"r_1", "k_1", "e_u", "e_q", "g_u", "r_2", "k_2"} <= set(names) and names["f_2"] == sympy.Symbol("g_u", real=True) + sigma_2**2
    assert [str(line.symbol) for line in dl.derive(HARD, "forgetting").lines][-4:] == ["J", "k_2", "E_21", "F_2"]


def planted(derived: dl.Derivation, name: str, both: bool, change) -> str:
    """What the proof says of a derivation one of whose lines is changed, on both sides or on the right alone."""
    (place,) = [place for place, line in enumerate(derived.lines) if str(line.symbol) == name][-1:]
    line = derived.lines[place]
    wrong = replace(line, right=change(line.right), before=change(line.before) if both else line.before)
    return replace(derived, lines=(*derived.lines[:place], wrong, *derived.lines[place + 1 :])).proof(points=2).wrong


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("derived", "name", "change"), [
    (FROZEN, "r_2", lambda right: right + 1 / p_2),  # a wrong m
    (FROZEN, "f_2", lambda right: sigma_2**2),  # the frozen error forgotten as noise
    (FROZEN, "a_1", lambda right: 2 * right),
    (FROZEN, "e_q", lambda right: right - sigma_1**2),
    (FROZEN, "L_2", lambda right: right * (1 + d_q)),
])  # fmt: skip
def test_a_planted_mistake_is_named(derived, name, change, both):
    assert planted(derived, name, both, change).startswith(f"{name} is ")


def test_planted_mistakes_in_sums_are_named():
    derived = dl.derive(LIN, "forgetting", tasks=T)
    r, t = sympy.Symbol("r", real=True), sympy.Symbol("t", positive=True, integer=True)
    assert planted(derived, "s_t", False, lambda right: (1 - r ** (t - 1)) / (1 - r)).startswith("s_t is ")
    assert planted(derived, "E_ti", True, lambda right: right.subs(r**t, r ** (t - 1))).startswith("E_ti is ")
    assert planted(derived, "F_T", True, lambda right: right * T / (T + 1)).startswith("F_T is ")
    assert planted(dl.derive(HARD, "forgetting"), "E_21", True, lambda right: right.subs(m, 0)).startswith("E_21 is ")


CASE = dict(p=20, p_1=30, p_2=40, n_1=15, n_2=11, sigma_1=0.3, sigma_2=0.5, u_11=0.5, q_11=2.0, d_u=0.3, c_u=0.2, d_q=1.5, c_q=0.7, x_q=0.5)
EXACT = {name: value if isinstance(value, int) else Fraction(str(value)) for name, value in CASE.items()}
POINTS = np.array([[1, 0, 2], [0, 1, 1], [3, 0, 1]])
STREAM = dict(p=30, n=8, sigma=0.5, T=3, w=(POINTS**2).sum(-1).tolist(), D=((POINTS[:, None] - POINTS) ** 2).sum(-1).tolist())


def test_formula_and_code_give_the_law():
    for derived, case, law in ((FROZEN, CASE, two_tasks(**CASE)), (dl.derive(LIN, "forgetting", tasks=T), STREAM, equal_tasks(**STREAM))):
        names = {}
        exec(derived.python(), names)
        value = float(dl.expected_errors(law).read(derived.formula.quantity))
        ours = {name: case[name] for name in derived.formula.parameters}
        assert names[derived.formula.quantity](**ours) == pytest.approx(value, rel=1e-12) == derived.formula(**case)
    assert_equal_to_law(FROZEN.formula, [EXACT])
    assert "align" in FROZEN.latex() and "finite where" in str(FROZEN)
    assert_refused(lambda: FROZEN.formula(**{**CASE, "n_1": 49}), "n_1 < p", DomainError)


def test_the_order_is_that_of_the_tails():
    values = dict(p=40, n=9, m=4, sigma=1, g_00=1, g_01=0, g_02=0, g_11=1, g_12=0, g_22=1)
    for derived, case in ((FROZEN, EXACT), (dl.derive(stored("previous"), "forgetting"), values)):
        order = derived.order.subs({symbol: case[str(symbol)] for symbol in derived.order.free_symbols})
        assert float(order) == dl.moment_orders(derived.formula.build(**case)).read(derived.formula.quantity)


def test_what_is_the_same():
    x, y = sympy.symbols("x y")
    assert dl.same((x**2 - y**2) / (x - y), x + sympy.Symbol("y", positive=True))
    different = dl.same(1 - x, 1 - x + x * y)
    assert not different and different.values[0] == 1 - different.point["x"] and "different" in str(different)
    assert dl.same(sympy.sin(x) ** 2 + sympy.cos(x) ** 2, 1).equal is None


def open_domain() -> dl.Formula:
    return replace(FROZEN.formula, domain=(*FROZEN.formula.domain, replace(FROZEN.formula.domain[0], relation=sympy.Lt(p, 0))))


test_refusals = refusals({
    "no symbols": (lambda: dl.derive(equal_tasks(**STREAM | {"sigma": 1}), "forgetting"), "no symbols.*expected_errors"),
    "floats": (lambda: dl.derive(dl.one_block(p, (n,), 0.5, gram=[[1]]), "generalization"), "mixes"),
    "quantity": (lambda: dl.derive(HARD, "forgeting"), "did you mean 'forgetting'"),
    "quantity of a stream": (lambda: dl.derive(LIN, "step_size", tasks=T), "choose forgetting, generalization"),
    "experiment": (lambda: dl.derive(LIN.tasks[0], "forgetting"), "give a TaskSequence"),
    "regime": (lambda: dl.derive(HARD, "forgetting", regime="over"), "regime is 'over'; choose"),
    "tasks": (lambda: dl.derive(LIN, "forgetting", tasks=3), "give a SymPy symbol"),
    "a name of a stream": (lambda: dl.derive(dl.one_block(p, (sympy.Symbol("k"),), sigma, gram=[[1]]), "forgetting", tasks=T), "the symbol k"),
    "domain": (lambda: dl.same(open_domain(), 1), "no point of"),
})  # fmt: skip
test_no_law = refusals({
    "rule": (lambda: dl.derive(HARD.under(rule=dl.Ridge(1)), "forgetting"), "Ridge.*simulate"),
    "step": (lambda: dl.derive(stored("zero"), "step_size"), "derive errors, or use expected_errors"),
    "nothing is fitted": (lambda: dl.derive(constrained(**PAIR | {"m": n}), "forgetting", regime=UNDER), "estimate before it"),
    "pooled": (lambda: dl.derive(dl.TaskSequence({"w": 5}, [dl.Task(4, sigma, {"w": f"w_{t}"}, ("w",), memory={0: 4} if t else None) for t in range(2)], {"w": gram("g", 2)}), "forgetting"), "8 rows by 5 parameters"),
    "stream": (lambda: dl.derive(INITIALIZED, "forgetting", tasks=T), "give one task that trains all"),
}, NoClosedForm)  # fmt: skip
test_no_value = refusals({
    "threshold": (lambda: dl.derive(dl.one_block(10, (10, n), sigma, gram=gram("g", 2)), "forgetting"), "task 0: the expected error is infinite"),
    "regime": (lambda: dl.derive(dl.one_block(p, (p + n,), sigma, gram=[[1]]), "generalization"), "choose the other regime"),
}, DomainError)  # fmt: skip


OWN = """import driftlaw as dl, sympy
p, n = sympy.symbols("p n", positive=True, integer=True)
experiment, quantity = dl.one_block(p, (n, n), 0, gram=[[1, 0], [0, 1]]), dl.Quantity("own error", lambda tasks: [[1, 0], [0, 1]])
"""


def test_the_command_derives_simulates_and_writes_the_proof(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, printed, _ = outcome(main, capsys, "derive", ROOT / "examples" / "derive_forgetting.py", "--appendix", "proof.tex", "--json")
    record, text = json.loads(printed), (tmp_path / "proof.tex").read_text()
    assert status == 0 and record["proof"]["wrong"] == "" and [row["verdict"] for row in record["simulation"]] == ["agree", "agree"]
    assert text.count("Lemma") > 5 and "trials" in text and "--seed 0" in text and "driftlaw 0" in text
    (tmp_path / "own.py").write_text(OWN)
    status, printed, _ = outcome(main, capsys, "derive", "own.py", "--json")
    assert status == 0 and json.loads(printed)["formula"]["quantity"] == "own error"
    for option, word in (("--python", "def forgetting"), ("--latex", "align"), ("--quantity=deviation", "deviation = ")):
        status, printed, _ = outcome(main, capsys, "derive", ROOT / "examples" / "derive_forgetting.py", option)
        assert status == 0 and word in printed


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [("experimint = 1", (), "is it 'experimint'"), ("experiment = 1", (), "--quantity"), ("experiment = 1", ("--latex", "--json"), "choose one")],
)  # fmt: skip
def test_what_the_command_refuses(content, options, words, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(content)
    status, _, said = outcome(main, capsys, "derive", tmp_path / "mine.py", *options)
    assert status == 2 and words in said


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX engine")
def test_appendices_compile_to_one_page(tmp_path):
    heads, *_ = HOLDS["heads"]
    others = {"lin": dl.derive(LIN, "forgetting", tasks=T), "hard": dl.derive(HARD, "forgetting"), "heads": dl.derive(heads, "forgetting")}
    for name, derived in {"frozen": FROZEN, **others}.items():
        (tmp_path / f"{name}.tex").write_text(derived.appendix())
        made = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", name], cwd=tmp_path, capture_output=True, text=True)
        assert made.returncode == 0 and "(1 page," in made.stdout.replace("\n", ""), made.stdout[-2000:]
