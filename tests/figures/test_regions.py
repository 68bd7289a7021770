"""The commands refute and compare: statuses, numbers that fit the law, pictures of what was found."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from scaffold import ROOT, outcome, refusals

from driftlaw import FORMULAS, expected_errors, frozen, initialized
from driftlaw.__main__ import main
from figures.regions.__main__ import Compare, Refute
from simulate.verdicts.lemma import load_lemma

TRAINING = """import driftlaw as dl

def build(p=30, p_2=40, n_2=20, d=0.5):
    gram = {"shared": [[0.02, 0.02], [0.02, 0.02]], "specific": [[1, 1 - d / 2], [1 - d / 2, 1]]}
    return dl.%s({"shared": p, "specific": p_2}, (12, n_2), 0.1, gram=gram)
"""


@pytest.fixture(autouse=True)
def experiments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("frozen", "initialized"):
        (tmp_path / f"{name}.py").write_text(TRAINING % name)
    (tmp_path / "one.py").write_text((TRAINING % "frozen") + "\nquantity, formula, space = 'forgetting', 0, {'p': (20, 40)}\n")
    (tmp_path / "constraints.py").write_text((tmp_path / "one.py").read_text() + "\nconstraints = [lambda p: p > 30]\n")
    (tmp_path / "three.py").write_text("def build(p):\n    return 3\n")


def test_refute_reads_a_file_draws_and_ends_with_what_it_found(capsys, tmp_path):
    status, out, error = outcome(main, capsys, "refute", ROOT / "examples" / "frozen_forgets_less.py", "--settings", 4096, "--json", "--out", "region.png")
    found = json.loads(out)
    assert (status, found["exit_status"], found["verdict"], error) == (1, 1, "violated", "")
    assert found["counterexample"]["p_s"] - found["counterexample"]["n"] >= 8 and 0.9 < found["share"] <= 1 and len(found["telling"]) == 5
    picture = imread(tmp_path / "region.png")
    assert picture.shape[2] == 4 and picture[..., :3].std() > 0.1
    status, out, _ = outcome(main, capsys, "refute", "one_head_per_task", "--settings", 200)
    assert status == 3 and "no proof" in out


def law(training, p_2, n_2, d):
    gram = {"shared": [[0.02, 0.02], [0.02, 0.02]], "specific": [[1, 1 - d / 2], [1 - d / 2, 1]]}
    return float(expected_errors(training({"shared": 30, "specific": p_2}, (12, n_2), 0.1, gram=gram), outside="nan").forgetting())


def test_memory_prints_the_laws_beside_the_samples_and_draws_them(capsys, tmp_path):
    words = ["memory", "--p", 40, "--m", 30, "--sigma", 0.5, "--distance", 1, "--cos", -0.3, "--draws", 20000]
    status, out, error = outcome(main, capsys, *words, "--json", "--out", "memory.png")
    found = json.loads(out)
    case = {"p": 40, "m": 30, "sigma": 0.5, "delta": 1.0, "rho": -0.3, "G": 1.0}
    assert (status, error, found["threshold"], found["alignment"]) == (0, "", 0.3, FORMULAS["memory_alignment"](**case))
    assert [row["strength"] for row in found["strengths"]] == pytest.approx(np.linspace(0, 0.6, 21)) and imread(tmp_path / "memory.png")[..., :3].std() > 0.1
    for row in found["strengths"]:
        seen = row["violation"]
        assert seen["law"] == FORMULAS["memory_violation"](**case, gamma=row["strength"]) and abs(seen["law"] - seen["simulated"]) < 5 * seen["stderr"]
    assert found["strengths"][0]["progress"]["simulated"] > found["strengths"][-1]["progress"]["simulated"]
    status, out, _ = outcome(main, capsys, *words, "--form", "equality", "--strengths", 0.1)
    assert status == 0 and "alignment" in out and "-  " in out
    assert outcome(main, capsys, *words[:-4], "--cos", -1.3)[0] == outcome(main, capsys, *words, "--groups", 7)[0] == outcome(main, capsys, *words, "--strengths", -1)[0] == 2


def test_compare_over_two_parameters_and_over_one(capsys, tmp_path):
    words = ["compare", "frozen.py", "initialized.py", "--json"]
    status, out, _ = outcome(main, capsys, *words, "--over", "p_2=30:44", "d=0.0:1.5", "--out", "map.png")
    found = json.loads(out)
    sides = np.array([found["values"][name] for name in ("frozen", "initialized")])
    assert status == 0 and sides.shape == (2, 15, 101) and list(found["parameters"]) == ["p_2", "d"]
    for row, column in ((0, 0), (14, 3), (7, 100)):
        place = found["parameters"]["p_2"][row], 20, found["parameters"]["d"][column]
        wanted = [law(training, *place) for training in (frozen, initialized)]
        assert sides[:, row, column] == pytest.approx(wanted) and found["smaller"][row][column] == ("frozen" if wanted[0] < wanted[1] else "initialized")
    assert {name for row in found["smaller"] for name in row} == {"frozen", "initialized"} and imread(tmp_path / "map.png")[..., :3].std() > 0.1
    status, out, _ = outcome(main, capsys, *words, "--over", "n_2=38:42", "--at", "d=1/4", "--out", "lines.svg")
    found = json.loads(out)
    assert found["values"]["frozen"][1:4] == [None] * 3 and found["values"]["initialized"][2] == pytest.approx(law(initialized, 40, 40, 0.25))
    assert found["smaller"] == ["initialized"] + ["infinite"] * 3 + ["initialized"] and (tmp_path / "lines.svg").stat().st_size > 1000
    status, out, _ = outcome(main, capsys, *words, "--over", "n_2=39:40", "p_2=39:40", "--at", "p=1", "--out", "nowhere.png")
    assert status == 0 and set(sum(json.loads(out)["smaller"], [])) == {"infinite"} and (tmp_path / "nowhere.png").exists()
    status, out, _ = outcome(main, capsys, *words[:3], "--over", "n_2=5:35")
    assert status == 0 and out.count("\n") == 15 and "of 31 settings" in out


def test_what_differs_by_rounding_alone_is_a_tie(capsys, tmp_path):
    same = "import driftlaw as dl\n\ndef build(n=5, rho=0.3):\n    g = [[1, rho, rho], [rho, 1, rho], [rho, rho, 1]]\n    return "
    (tmp_path / "whole.py").write_text(f"{same}dl.one_block(80, (n, n, n), 0.5, gram=g)\n")
    tasks = '[dl.Task(n, 0.5, {"u": str(t), "v": str(t)}, ("u", "v")) for t in range(3)]'
    grams = '{"u": [[0.3 * x for x in row] for row in g], "v": [[0.7 * x for x in row] for row in g]}'
    (tmp_path / "halves.py").write_text(f'{same}dl.TaskSequence({{"u": 40, "v": 40}}, {tasks}, gram={grams})\n')
    status, out, _ = outcome(main, capsys, "compare", "whole.py", "halves.py", "--over", "rho=0.0:1.0", "--json")
    found = json.loads(out)
    assert status == 0 and set(found["smaller"]) == {"tie"} and found["values"]["whole"] != found["values"]["halves"]


def run(*words):
    return lambda: Compare(**dict(zip(("files", "over", "at", "out"), words))).run()


test_refusals = refusals({
    "no numbers": (run(("a", "b"), ("p=1",)), "--over 'p=1' cannot be read"),
    "reversed": (run(("a", "b"), ("p=5:1",)), "lower one first"),
    "twice": (run(("a", "b"), ("p=1:2", "p=1:3")), "one or two parameters"),
    "one parameter": (lambda: Refute(Path("one.py"), out=Path("region.png")).run(), "only p varies"),
    "misspelt constraint": (lambda: load_lemma(Path("constraints.py"), space=True), "did you mean 'constraint'"),
    "misspelt claim": (lambda: Refute(Path("one_head_per_tsk")).run(), "did you mean 'one_head_per_task'"),
    "no experiment": (run((Path("frozen.py"), Path("three.py")), ("p=1:2",)), "build returned a int"),
    "three": (run(("a", "b"), ("p=1:2", "q=1:2", "r=1:2")), "one or two parameters"),
    "no builder": (lambda: load_lemma("frozen.py", space=True), "does not define"),
})  # fmt: skip
