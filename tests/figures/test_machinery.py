"""Registry, sampler, store of finished figures: on a small figure of the tests' own."""

from dataclasses import replace

import pytest
from scaffold import assert_refused, refusals

import figures
from driftlaw import Isotropic, frozen, initialized, load, one_block, simulate
from figures import registry
from figures.__main__ import main
from figures.kit import Figure, sampling
from figures.kit.draw import points
from figures.kit.output import Output
from figures.kit.sampling import Point, Sampler
from figures.kit.style import FROZEN
from figures.kit.table import Table
from figures.make import figure_key, make
from figures.registry import MissingRecords, choose, discover
from simulate.work.store import RunStore
from theory.parts import Parts, instances

POINT = Point({"all": one_block(30, (8,), 0.1, truth=[Isotropic(1)])}, ("generalization",), x=8)


SMALL = Figure(
    "Small.\n\n{simulation}", lambda table, sampler: sampler.add(table, "n", [POINT]), lambda table, canvas: points(canvas.subplots(), table, FROZEN),
    trials=40, quick_trials=20, size=(3, 2),
)  # fmt: skip


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A finished small figure, and a list of the simulations that run from here on."""
    output = Output(tmp_path)
    assert make("small", {"small": SMALL}, output)
    calls = []
    monkeypatch.setattr(sampling, "simulate", lambda seq, trials, seed, **options: calls.append(trials) or simulate(seq, trials, seed, **options))
    return output, calls


def test_quick_and_other_trials_draw_anew(drawn):
    output, calls = drawn
    assert make("small", {"small": SMALL}, output, quick=True) and calls == [20]
    assert make("small", {"small": SMALL}, output) and calls == [20]  # points of the first run are still there
    more = replace(SMALL, trials=50)
    assert make("small", {"small": more}, output) and calls == [20, 50]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "csv"])
def test_lost_or_damaged_files_are_written_again_from_stored_points(drawn, suffix):
    output, calls = drawn
    path = output.folder / f"small.{suffix}"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert make("small", {"small": SMALL}, output) and path.read_bytes() == whole
    path.unlink()
    assert make("small", {"small": SMALL}, output) and path.read_bytes() == whole
    assert calls == []


def test_the_key_depends_on_the_figures_own_code_and_records_and_not_on_others_code(tmp_path, monkeypatch):
    import figures.make as make_module

    others = {"one", "two"}
    for name in (*others, "shared"):
        (tmp_path / f"{name}.py").write_text("a = 1\n")
    monkeypatch.setattr(make_module, "__file__", str(tmp_path / "make.py"))
    before = figure_key("one", others, 10, False)
    (tmp_path / "two.py").write_text("a = 2\n")
    assert figure_key("one", others, 10, False) == before
    (tmp_path / "shared.py").write_text("a = 2\n")
    keys = [before, figure_key("one", others, 10, False)]
    (tmp_path / "one.py").write_text("a = 2\n")
    record = tmp_path / "runs.jsonl"
    record.write_text("one")
    keys += [figure_key("one", others, *options) for options in ((10, False), (11, False), (10, True), (10, False, (record,)))]
    record.write_text("two")
    keys += [figure_key("one", others, 10, False, (record,))]
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "draw.py").write_text("a = 1\n")
    assert len({*keys, figure_key("one", others, 10, False)}) == 8


def test_the_key_of_a_users_figure_depends_on_its_file(tmp_path):
    keys = []
    for text in ("1", "2"):
        path = tmp_path / "own.py"
        path.write_text(f"from figures.kit import Figure\nfrom figures.registry import FIGURES\nFIGURES.register(Figure('{text}', None, None), name='users_own')\n")
        load(path)
        keys.append(figure_key("users_own", set(discover()), 10, False))
    assert keys[0] != keys[1]


def test_a_finished_figure_is_kept_where_one_may_not_write(drawn, read_only):
    output, calls = drawn
    read_only(output.folder)
    assert not make("small", {"small": SMALL}, Output(output.folder)) and calls == []
    assert_refused(lambda: make("small", {"small": SMALL}, Output(output.folder), quick=True), r"cannot write to the folder .*Read-only.*choose another --out")
    assert calls == []


def test_what_killed_runs_leave_is_removed(tmp_path):
    output = Output(tmp_path)
    left = [folder / ".a.abcdefgh.tmp" for folder in (tmp_path, output.points.root, output.finished.root)]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    output.require_writable()
    assert not any(path.exists() for path in left)


def test_a_new_file_is_a_new_figure(tmp_path, monkeypatch):
    text = 'from figures.kit import Figure\nFIGURE = Figure("New.", None, None, trials=1, quick_trials=1)\n'
    (tmp_path / "brand_new.py").write_text(text)
    (tmp_path / "no_figure.py").write_text("")
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    monkeypatch.setattr(registry, "FIGURES", Parts("figure", instances(Figure)))
    names = list(discover())
    assert "brand_new" in names and "no_figure" not in names and names == sorted(names)
    assert {"deviation_against_p2", "forgetting_against_p2", "reconstruction_split", "forgetting_against_T"} <= set(names)


def test_missing_records_are_told_and_the_other_figures_are_drawn(tmp_path, monkeypatch, capsys):
    known = {"lost": replace(SMALL, sources=(tmp_path / "runs.jsonl",)), "small": SMALL}
    monkeypatch.setattr(registry, "discover", lambda: known)
    assert main(["--quick", "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("small: drawn") and "\n1 figure in" in told.out
    assert "lost is not drawn" in told.err and str(tmp_path / "runs.jsonl") in told.err
    assert_refused(lambda: make("lost", known, Output(tmp_path / "out")), error=MissingRecords)


test_refusals = refusals([
    (lambda: choose(["FORGETTING_T"], ["forgetting_against_T", "other"]), "did you mean 'forgetting_against_T'"),
    (lambda: choose(["xyz"], ["a", "b"]), "unknown figure 'xyz'; choose one of a, b"),
    (lambda: Sampler("x", 50, RunStore("nowhere")).run([replace(POINT, difference=("all", "none"))]), "choose two of all"),
    (lambda: Table().trials(), "one number"),
])


def test_infinite_variance_gives_no_estimate_and_costs_no_simulation(tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "simulate", None)
    point = Point({"all": one_block(11, (8,), 0.1, truth=[Isotropic(1)])}, ("generalization",))
    (result,) = Sampler("x", 50, RunStore(tmp_path)).run([point])
    assert result == {("all", "generalization"): None}


def pair(specific):
    """Both trainings of two tasks, of whose blocks the specific one has this dimension, and their difference."""
    experiment = {"shared": 20, "specific": specific}, (8, 8), 0.1, {block: [Isotropic(1)] * 2 for block in ("shared", "specific")}
    return Point({"frozen": frozen(*experiment), "initialized": initialized(*experiment)}, ("deviation", "forgetting"), ("frozen", "initialized"))


def test_a_pair_of_which_one_variance_is_infinite_keeps_the_other(tmp_path):
    (result,) = Sampler("x", 50, RunStore(tmp_path)).run([pair(11)])
    assert result["frozen", "deviation"] is None and result["frozen - initialized", "deviation"] is None
    assert result["initialized", "deviation"].moment_order == (31 - 8 + 1) / 2


def test_estimates_are_those_of_the_simulation_and_points_have_draws_of_their_own(tmp_path):
    point = pair(30)
    first, second = Sampler("x", 50, RunStore(tmp_path)).run([point, point])
    (elsewhere,) = Sampler("y", 50, RunStore(tmp_path)).run([point])
    runs = {name: simulate(seq, 50, (sampling.crc32(b"x"), 0)) for name, seq in point.sequences.items()}
    runs["frozen - initialized"] = runs["frozen"] - runs["initialized"]
    for (name, quantity), found in first.items():
        estimate = runs[name].estimate(quantity)
        assert (found.mean, found.stderr, found.trials) == (estimate.mean, estimate.stderr, 50)
    assert len({result["frozen", "deviation"].mean for result in (first, second, elsewhere)}) == 3


def test_a_caption_is_filled_with_facts_names_and_sentences(tmp_path):
    table, names = SMALL.table(Sampler("x", 50, RunStore(tmp_path))), {"SAMPLES": 8, "EXPERIMENT": {"n_2": 8}}
    words = "A title.\n\nWith {SAMPLES} and\n$x_{{{share:.1f}}}$, 95 % of {simulation} {experiment}"
    figure = Figure(words, None, None, names, lambda table: {"share": len(table) / 2})
    text = figure.caption(table)
    assert figure.title == "A title." and text.startswith("With 8 and $x_{0.5}$, 95\u00a0% of ")
    assert "means of 50 independent trials" in text and text.endswith("Experiment: $n_2=8$.")
    assert Figure("A title.\n\nNothing {{}}.", None, None).caption(Table()) == "Nothing {}."
