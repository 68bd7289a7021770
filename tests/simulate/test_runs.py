"""The store: whole records or none, found under equal keys only."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from fractions import Fraction

import numpy as np
import pytest
import sympy
from scaffold import ROOT, assert_refused, python, raising, refusals

from simulate.work.files import is_locked, locked, remove_leftovers, replace_file
from simulate.work.keys import code_fingerprint, run_key, sequence_key
from simulate.work.store import RunStore
from theory import InputError, Isotropic, Task, TaskSequence, frozen, one_block

GENEROUS = 600  # seconds, in which any machine gets there
RECORD = {"mean": [1.5, 2.0], "note": "naïve", "count": 3, "nothing": None, "yes": True}


fail = raising(AssertionError("computed although the record was there"))


def test_a_record_comes_back_as_it_went_in(tmp_path):
    store = RunStore(tmp_path / "new" / "folder")
    assert store.get("k") is None
    assert store.put("k", RECORD) == store.get("k") == RECORD
    assert RunStore(tmp_path / "new" / "folder").get("k") == RECORD
    assert store.put("k", {"mean": 2}) == store.get("k") == {"mean": 2}
    assert [path.name for path in store.root.iterdir()] == ["k.json"]


def test_get_or_compute_computes_once_and_returns_what_get_returns(tmp_path):
    store = RunStore(tmp_path)
    record = {"a": np.array([[1.0, 2.0]]), "b": (np.float64(0.1), np.int64(3), np.bool_(True)), "c": Fraction(1, 3)}
    first = store.get_or_compute("k", lambda: record)
    assert first == store.get_or_compute("k", fail) == {"a": [[1.0, 2.0]], "b": [0.1, 3, True], "c": "1/3"}


DAMAGE = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "altered": lambda text: text.replace("1.5", "1.6"),
    "of another key": lambda text: text.replace('"k"', '"other"'),
    "other JSON": lambda text: "[1, 2]",
    "not finite": lambda text: text.replace("1.5", "NaN"),
    "without checksum": lambda text: json.dumps({"key": "k", "record": RECORD}),
    "binary": lambda text: "\udcff\udcfe",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_records_are_computed_again(tmp_path, damage):
    store = RunStore(tmp_path)
    store.put("k", RECORD)
    store.path("k").write_bytes(damage(store.path("k").read_text()).encode(errors="surrogateescape"))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert store.get("k") is None
    with pytest.warns(RuntimeWarning, match="k.json is damaged"):
        assert store.get_or_compute("k", lambda: {"fresh": 1}) == {"fresh": 1}
    assert store.get("k") == {"fresh": 1}


def test_a_failed_computation_or_write_leaves_the_old_record(tmp_path, monkeypatch):
    store = RunStore(tmp_path)
    store.put("k", RECORD)
    assert_refused(lambda: store.get_or_compute("new", lambda: 1 / 0), error=ZeroDivisionError)
    monkeypatch.setattr(os, "replace", raising(OSError(28, "No space left on device")))
    assert_refused(lambda: store.put("k", {"mean": 2}), "cannot write .*k.json: No space left.*free space")
    assert store.get("k") == RECORD
    assert [path.name for path in tmp_path.iterdir()] == ["k.json"]


test_records_that_json_cannot_hold_are_refused = refusals([(lambda record=record: RunStore("/proc/nowhere").put("k", record), words) for record, words in [
    ({"x": float("nan")}, r"record\['x'\] is nan"),
    ({"x": [1, float("inf")]}, r"record\['x'\]\[1\] is inf"),
    ({"x": object()}, "which JSON cannot hold"),
    ({1: 2}, "not all of them text"),
    (None, "record is None"),
]])


def test_unusable_folders_and_keys(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", "/proc/driftlaw"):
        assert RunStore(folder).get("k") is None and not RunStore(folder).keys()
        assert_refused(lambda: RunStore(folder).require_writable(), "cannot write to the folder .*choose another")
    assert_refused(lambda: RunStore(tmp_path).get("../k"), "the key is '../k'")
    (tmp_path / "k.json").mkdir()
    assert_refused(lambda: RunStore(tmp_path).get("k"), "cannot read")


def test_a_folder_that_one_may_only_read(tmp_path, read_only):
    RunStore(tmp_path).put("k", RECORD)
    read_only(tmp_path)
    store = RunStore(tmp_path)
    assert store.get("k") == store.get_or_compute("k", fail) == RECORD and store.keys() == {"k"}
    for change in (lambda: store.put("k", {}), lambda: store.update("k", dict), store.require_writable, lambda: store.get_or_compute("new", fail)):
        assert_refused(change, "cannot write .*Read-only")


def test_an_update_lets_nobody_come_in_between(tmp_path):
    """Four processes count in one record; not a step is lost."""
    code = """
import sys
from simulate.work.store import RunStore
for _ in range(25):
    RunStore(sys.argv[1]).update("k", lambda stored: {"count": (stored or {"count": 0})["count"] + 1})
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    for process in [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]:
        assert process.wait() == 0
    assert RunStore(tmp_path).get("k") == {"count": 100}


# Stops for ever in the middle of a write.
STUCK = """
import os, sys, threading
from pathlib import Path
from simulate.work.files import replace_file
def stop(*_):
    print("writing", flush=True)
    threading.Event().wait()
os.fsync = stop
replace_file(Path(sys.argv[1]), b"new")
"""


@pytest.mark.parametrize("clean", [lambda path: RunStore(path.parent).require_writable(), lambda path: replace_file(path, b"other")])
def test_what_killed_writers_leave_is_removed_and_nothing_of_live_ones(tmp_path, clean):
    path = tmp_path / "k.json"
    command = [sys.executable, "-c", STUCK, str(path)]
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "text": True}
    killed, _ = writers = [subprocess.Popen(command, **options) for _ in range(2)]
    try:
        assert [writer.stdout.readline() for writer in writers] == ["writing\n"] * 2
        clean(path)
        both = set(tmp_path.glob(".k.*.tmp"))
        assert len(both) == 2
        killed.kill()
        killed.wait()
        clean(path)
        assert len(set(tmp_path.glob(".k.*.tmp")) & both) == 1
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    clean(path)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_new_temporary_file_that_is_taken_for_a_leftover_is_made_again(tmp_path, monkeypatch):
    """Another process looks between its making and its locking."""
    real, seen = tempfile.mkstemp, []

    def mkstemp(**options):
        handle, name = real(**options)
        if not seen:
            remove_leftovers(tmp_path)
        seen.append(name)
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    replace_file(tmp_path / "k.json", b"new")
    assert len(seen) == 2 and (tmp_path / "k.json").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["k.json"]


def test_a_lock_is_told_of_and_waited_for(tmp_path):
    path, waits, order = tmp_path / "new" / "lock", threading.Event(), []

    def other():
        with locked(path, waits.set):
            order.append("second")

    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
        thread = threading.Thread(target=other, daemon=True)
        thread.start()
        assert waits.wait(GENEROUS) and not order
        order.append("first")
    thread.join(GENEROUS)
    assert order == ["first", "second"] and not is_locked(path)
    with pytest.raises(ZeroDivisionError), locked(path):
        raise ZeroDivisionError
    with pytest.raises(InputError, match="cannot write and lock"), locked(path / "below"):
        pass


def test_keys_depend_on_content_only():
    description = {"problem": {"p": 3, "n": (1, 2)}, "method": "frozen", "seed": 1, "share": Fraction(1, 3), "rate": 0.1}
    key = run_key(description, "code")
    assert key == run_key(dict(reversed(description.items())), "code") == run_key({**description, "problem": {"n": [1, 2], "p": 3}}, "code")
    others = [{**description, "seed": 2}, {**description, "rate": 0.1 + 1e-16}, {**description, "more": None}, {**description, "seed": "1"}]
    assert len({key, run_key(description, "code 2"), *(run_key(other, "code") for other in others)}) == 6
    assert_refused(lambda: run_key({"rate": float("nan")}, "code"), r"description\['rate'\] is nan")


def test_code_fingerprint_sees_contents_and_names(tmp_path):
    one, two = tmp_path / "one" / "pkg", tmp_path / "two" / "pkg"
    for folder in (one, two):
        (folder / "sub").mkdir(parents=True)
        (folder / "a.py").write_text("x = 1\n")
        (folder / "sub" / "b.py").write_text("y = 1\n")
    (two / "notes.txt").write_text("no code")
    before = code_fingerprint([one])
    assert before == code_fingerprint([two])
    (two / "sub" / "b.py").write_text("y = 2\n")
    assert before != code_fingerprint([two])
    (one / "sub" / "b.py").rename(one / "sub" / "c.py")
    assert before != code_fingerprint([one])
    assert code_fingerprint([two / "a.py"]) != code_fingerprint([two / "a.py", two / "sub" / "b.py"])
    (tmp_path / "empty").mkdir()
    for missing in ([tmp_path / "none.py"], [tmp_path / "empty"], []):
        assert_refused(lambda: code_fingerprint(missing), "source")


def sequence(**changes):
    settings = {"samples": 8, "noise": 0.3, "truth": {"a": np.arange(5.0), "b": Isotropic(1)}, "train": ("a", "b")}
    return TaskSequence({"a": 5, "b": 20}, [Task(**settings), Task(**{**settings, **changes})])


def test_sequence_key_tells_experiments_apart():
    changes = [{}, {"samples": 9}, {"noise": 0.4}, {"train": ("b",)}, {"start": "zero"}, {"start": {"a": "zero"}}, {"scale": 0.5}, {"scale": {"a": 0.5}}]
    changes += [{"weights": {"a": 3}}, {"memory": {0: 3}}, {"truth": {"a": np.arange(5.0) + 1e-9, "b": Isotropic(1)}}]
    changes += [{"truth": {"a": np.arange(5.0), "b": other}} for other in (Isotropic(2), Isotropic(1, "w"))]
    keys = [
        *(sequence(**change) for change in changes),
        TaskSequence({"b": 20, "a": 5}, sequence().tasks),
        TaskSequence({"a": 5, "b": 20}, sequence().tasks[:1]),
        *(one_block(9, (3, 3), 0.1, gram=[[1, x], [x, 1]]) for x in (0, 0.5)),
    ]
    written = [json.dumps(sequence_key(seq)) for seq in keys]
    assert len(set(written)) == len(written)


def test_sequence_key_is_the_same_however_numbers_are_written():
    exact = frozen({"shared": 4, "specific": 6}, (3, 2), Fraction(1, 2), gram={"shared": [[1, 0], [0, 1]], "specific": [[1, 0], [0, 1]]})
    floats = frozen({"shared": 4, "specific": 6}, (3, 2), 0.5, gram={"shared": np.eye(2), "specific": np.eye(2)})
    assert sequence_key(exact) == sequence_key(floats) == json.loads(json.dumps(sequence_key(exact)))
    code = (
        "import json, numpy as np; from simulate.work.keys import sequence_key; from theory import frozen; "
        "gram = {'shared': np.eye(2), 'specific': np.eye(2)}; "
        "print(json.dumps(sequence_key(frozen({'shared': 4, 'specific': 6}, (3, 2), 0.5, gram=gram))))"
    )
    assert json.loads(python("-c", code).stdout) == sequence_key(exact)


test_sequence_key_refuses_what_cannot_run = refusals({
    name: (lambda seq=seq: sequence_key(seq), "the experiment holds")
    for name, seq in {
        "symbol": one_block(sympy.Symbol("p", positive=True, integer=True), (3,), 0.1, gram=[[1]]),
        "symbolic gram": one_block(9, (3,), 0.1, gram=[[sympy.Symbol("g")]]),
        "grid": one_block(np.array([9, 10]), (3,), 0.1, truth=[Isotropic(1)]),
    }.items()
})
