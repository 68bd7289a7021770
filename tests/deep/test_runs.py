"""The folder of runs: states, locks, keys; runs side by side, and runs that are killed."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from made_records import made_record
from made_training import with_another_pixel
from scaffold import assert_refused, printed, raising

from deep.data.digits import digits
from deep.records import Failure
from deep.runs import RunsFolder, execute
from deep.training import run as training
from driftlaw import DriftlawError, InputError, RunConfig
from simulate.work.store import RunStore

CONFIG = made_record().config
SMALL = {"stream_options": {"train_examples": 40}, "epochs": 1, "probe_examples": 0}


STORED = {
    "finished": {},
    "failed": {"status": "failed", "results": made_record().results[:1], "failure": Failure(1, 7, "the loss is NaN")},
    "partial": {"status": "partial", "results": made_record().results[:1]},
}


def stored(root, key, status="finished", config=CONFIG):
    """Store a run of some status, or one that was started alone; return its folder."""
    folder = RunsFolder(root).run(key)
    folder.put_config(dict(config))
    if status in STORED:
        folder.put_record(made_record(key=key, **STORED[status]))
    return folder


def test_states_of_runs(tmp_path):
    for number, (key, status) in enumerate([("b", "finished"), ("a", "failed"), ("d", "partial"), ("c", "started")]):
        folder = stored(tmp_path, key, status)
        os.utime(folder.path / "config.json", (number, number))
    (tmp_path / "something else").mkdir()
    states = RunsFolder(tmp_path).states()
    assert [(state.key, state.status) for state in states] == [("b", "finished"), ("a", "failed"), ("d", "interrupted"), ("c", "interrupted")]
    assert states[0].record == made_record(key="b") and states[3].record is None
    assert RunsFolder(tmp_path / "absent").states() == []


def test_a_run_is_running_while_another_process_holds_it(tmp_path):
    folder = stored(tmp_path, "a", "partial")
    program = (
        "import sys; from pathlib import Path; from deep.runs import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked(): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert folder.is_locked() and folder.state().status == "running"
        with pytest.raises(ZeroDivisionError), folder.locked(raising(ZeroDivisionError)):  # who would wait is told
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    assert folder.state().status == "interrupted"
    with folder.locked():
        assert folder.is_locked()


def test_runs_are_found_by_the_start_of_their_key(tmp_path):
    for key in ("abc1", "abd2"):
        stored(tmp_path, key)
    runs = RunsFolder(tmp_path)
    assert runs.find("abd").key == "abd2"
    for prefix, reason in (("x", "no run"), ("ab", "2 runs"), ("", "the key of the run is empty")):
        assert_refused(lambda: runs.find(prefix), f"{reason}.*status")


def test_a_damaged_record_counts_as_none(tmp_path):
    folder = stored(tmp_path, "a")
    path = folder.path / "record.json"
    path.write_text(path.read_text().replace("0.625", "0.875"))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert folder.state().status == "interrupted"


def test_a_run_that_cannot_be_read_hides_no_other(tmp_path):
    """Of another schema, or a configuration that says nothing: both are told of, with their files."""
    good, newer, vague = (stored(tmp_path, key) for key in ("a", "b", "c"))
    RunStore(newer.path).put("record", {"schema": 99})
    RunStore(vague.path).put("config", {"stream": "split-digits"})
    states = {state.key: state for state in RunsFolder(tmp_path).states()}
    assert {key: state.status for key, state in states.items()} == {"a": "finished", "b": "unreadable", "c": "unreadable"}
    assert "record.json: the record has schema 99" in states["b"].problem and str(newer.path) in states["b"].problem
    assert "does not say what was trained (stream_options, order" in states["c"].problem and str(vague.path) in states["c"].problem
    assert_refused(lambda: RunsFolder(tmp_path).find("b"), "cannot be read.*schema 99")


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("half")], ids=["missing", "damaged"])
@pytest.mark.filterwarnings("ignore:the record .* is damaged")
def test_a_record_says_what_its_configuration_would(tmp_path, damage):
    folder = stored(tmp_path, "a")
    damage(folder.path / "config.json")
    (state,) = RunsFolder(tmp_path).states()
    assert state.status == "finished" and state.config == dict(CONFIG)


def test_reading_writes_nothing(tmp_path, read_only):
    """A folder that one may only read can be looked at."""
    stored(tmp_path, "a")
    read_only(tmp_path)
    assert RunsFolder(tmp_path).find("a").status == "finished"
    assert_refused(lambda: stored(tmp_path, "b"), "Read-only")


def test_finished_runs_are_handed_out_where_one_may_not_write(tmp_path, read_only):
    config = RunConfig()
    made = made_record(key=config.key, stamp=config.stamp)
    stored(tmp_path, config.key, config=config.canonical()).put_record(made)
    read_only(tmp_path)
    (record,) = execute.train_runs([config], tmp_path, workers=1)
    assert record == made
    assert_refused(lambda: list(execute.train_runs([RunConfig(order=1)], tmp_path, workers=1)), "cannot write .*Read-only", DriftlawError)


def test_what_a_killed_run_left_is_removed_when_it_goes_on(tmp_path):
    folder = stored(tmp_path, "a", "partial")
    left = folder.path / ".checkpoint.abcdefgh.tmp"
    left.write_bytes(b"half")
    with folder.locked():
        assert not left.exists()


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(lambda: RunsFolder(tmp_path / "file").states(), "cannot read the folder of runs .*choose another --out")


def test_the_configuration_is_stored_once(tmp_path):
    folder = stored(tmp_path, "a", "started")
    before = (folder.path / "config.json").stat().st_mtime_ns
    assert not folder.put_config(dict(CONFIG)) and RunsFolder(tmp_path).run("b").put_config(dict(CONFIG))
    assert (folder.path / "config.json").stat().st_mtime_ns == before


def failing_jobs(capacity, seen):
    """Return a job map in which runs beyond a device's capacity find no memory."""

    def run_jobs(function, jobs, *, workers, **_):
        seen.append((len(jobs), workers))
        for index, job in enumerate(jobs):
            yield index, None if min(workers or 4, len(jobs)) > capacity and index >= capacity else job.config.key

    return run_jobs


@pytest.mark.parametrize(("workers", "capacity", "passes"), [(4, 2, [(6, 4), (4, 2)]), (None, 1, [(6, None), (5, 2), (4, 1)]), (4, 4, [(6, 4)])])
def test_runs_that_find_no_memory_go_on_fewer_at_a_time(tmp_path, monkeypatch, workers, capacity, passes):
    configs = [RunConfig(order=order) for order in range(6)]
    seen, told = [], []
    monkeypatch.setattr(execute, "run_jobs", failing_jobs(capacity, seen))
    monkeypatch.setattr(execute, "cores", lambda: 4)
    assert sorted(execute.train_runs(configs, tmp_path, workers=workers, tell=told.append)) == sorted(config.key for config in configs)
    assert seen == passes and len(told) == len(passes) - 1
    assert all(text.startswith("out of memory with") for text in told)


def test_a_run_that_does_not_fit_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "run_jobs", failing_jobs(0, []))
    with pytest.raises(InputError, match="one run at a time: split-digits, order 0.*smaller batch"):
        list(execute.train_runs([RunConfig(), RunConfig(order=1)], tmp_path, workers=2, tell=lambda text: None))


def no_memory_here():
    """Return the error of PyTorch's allocator on this machine."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58, dtype=torch.uint8)
    return caught.value


def arisen_from(error):
    """Return what is raised on the way out of a block in which an error was raised."""
    outer = RuntimeError("CUDA error: operation failed due to a previous error during capture")
    outer.__context__ = error
    return outer


NO_MEMORY = [
    torch.cuda.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("CUDA error: out of memory"),  # the driver, where a process has no room even to begin
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    no_memory_here(),
    arisen_from(torch.cuda.OutOfMemoryError("CUDA out of memory")),  # while a step is recorded
    MemoryError(),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: type(error).__name__)
def test_a_run_without_memory_keeps_its_checkpoint_and_no_record(tmp_path, monkeypatch, error):
    threads = torch.get_num_threads()
    monkeypatch.setattr(training, "train_run", raising(error))
    assert execute.train(execute.Job(RunConfig(**SMALL), tmp_path, execute.DataSource())) is None
    assert RunsFolder(tmp_path).states()[0].status == "interrupted" and torch.get_num_threads() == threads


def test_another_error_is_not_taken_for_want_of_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "train_run", raising(RuntimeError("CUDA error: device-side assert triggered")))
    assert_refused(lambda: execute.train(execute.Job(RunConfig(**SMALL), tmp_path, execute.DataSource())), "device-side assert", RuntimeError)


def test_a_call_that_is_interrupted_leaves_all_its_runs_to_be_resumed(tmp_path, monkeypatch):
    configs = [RunConfig(order=order, **SMALL) for order in range(3)]
    monkeypatch.setattr(training, "train_run", raising(KeyboardInterrupt))
    assert_refused(lambda: list(execute.train_runs(configs, tmp_path, workers=1)), error=KeyboardInterrupt)
    states = RunsFolder(tmp_path).states()
    assert {state.key for state in states} == {config.key for config in configs} and {state.status for state in states} == {"interrupted"}


def test_a_run_that_cannot_go_on_stays_to_be_resumed(tmp_path, monkeypatch):
    """A full disk, data that are gone: only a run that was never begun, and that this call asked for first, is forgotten."""
    config, key = RunConfig(**SMALL), lambda: [state.key for state in RunsFolder(tmp_path).states()]

    def fails(after):
        def train_run(config, stream, folder, put, **_):
            after(folder, put)
            raise InputError("cannot write: No space left on device")

        return train_run

    def train():
        assert_refused(lambda: list(execute.train_runs([config], tmp_path)), "No space left", DriftlawError)

    begun = {"a checkpoint": lambda folder, put: (folder / "checkpoint.pt").write_bytes(b""), "a record": lambda folder, put: put(made_record(key=config.key))}
    for after in begun.values():
        monkeypatch.setattr("deep.training.run.train_run", fails(after))
        train()
        assert key() == [config.key]
        shutil.rmtree(tmp_path / config.key)
    monkeypatch.setattr("deep.training.run.train_run", fails(lambda folder, put: None))
    train()
    assert not key()
    RunsFolder(tmp_path).run(config.key).put_config(config.canonical())  # as an interrupted call leaves it
    train()
    assert key() == [config.key]


def test_a_stored_run_on_other_images_is_refused(tmp_path, monkeypatch):
    """Its key says nothing of the images; absent ones cannot be compared, and the run is given back."""
    config = RunConfig(**SMALL)
    (record,) = execute.train_runs([config], tmp_path)
    assert record.data == {"digits": digits().fingerprint} and record.notes == digits().notes
    monkeypatch.setattr("deep.training.reading._read", lambda *_: with_another_pixel(digits()))
    with pytest.raises(DriftlawError, match="was trained on other images of digits than those that are here.*choose another --out"):
        list(execute.train_runs([config], tmp_path))

    monkeypatch.setattr("deep.training.reading._read", raising(InputError("digits is absent")))
    assert list(execute.train_runs([config], tmp_path)) == [record]


@pytest.mark.parametrize(
    ("factor", "processor", "stands"), [(1, "this", True), (1 + 1e-9, "this", False), (1 + 1e-9, "another", True), (1.1, "another", False)]
)
def test_runs_of_other_code_stand_if_they_come_out_again(tmp_path, monkeypatch, factor, processor, stands):
    """Bit for bit, and within a bound on another processor.

    Of each strategy one run for both seeds is trained again, for the tasks in which strategies differ.
    """
    configs = [RunConfig(**{**SMALL, "strategy": name, "seed": seed}) for name in ("initialized", "frozen") for seed in (0, 1)]
    first = {record.key: record for record in execute.train_runs(configs, tmp_path, workers=1)}
    for key, record in first.items():
        stamp = {**record.stamp, "files": {**record.stamp["files"], "deep/metrics.py": "0"}}
        results = tuple(replace(result, losses=tuple(factor * loss for loss in result.losses)) for result in record.results)
        other = replace(record, results=results, stamp=stamp | ({"processor": "another"} if processor == "another" else {}))
        RunsFolder(tmp_path).run(key).put_record(other)
        first[key] = other if stands else record
    seen, told, real = [], [], training.train_run

    def train_run(config, *arguments, tasks=None, **options):
        seen.append((config.strategy, config.seed, tasks))
        return real(config, *arguments, tasks=tasks, **options)

    monkeypatch.setattr(training, "train_run", train_run)
    with contextlib.nullcontext() if stands else pytest.warns(RuntimeWarning, match="2 stored runs .*metrics.py.* trained anew"):
        again = {record.key: record for record in execute.train_runs(configs, tmp_path, workers=1, tell=told.append)}
    assert {key: record.numbers() for key, record in again.items()} == {key: record.numbers() for key, record in first.items()}
    anew = [] if stands else [(config.strategy, config.seed, None) for config in configs]
    assert sorted(seen, key=str) == sorted([*anew, *((name, 0, training.CHECKED) for name in ("initialized", "frozen"))], key=str)
    assert len(told) == 2 * stands and all("2 stored runs" in line and "metrics.py" in line and "they stand" in line for line in told)
    assert all(("another" in record.stamp["processor"]) == (stands and processor == "another") for record in again.values())
    assert all(bool(list((tmp_path / key).glob("record-*.json"))) != stands for key in first)
    seen.clear()
    assert {record.key: record for record in execute.train_runs(configs, tmp_path, workers=1, tell=told.append)} == again and not seen


KILLS = 20

# One process imports torch; every run is a fork of it, so that a kill costs no start.
PROGRAM = f"""
import json, os, random, signal, sys
from pathlib import Path
from deep.runs.execute import DataSource, Job, train
from deep.runs.folder import RunsFolder
from deep.training.config import RunConfig

config = RunConfig(stream_options={{"train_examples": 120}}, epochs=4, momentum=0.9, keep_moments=True, strategy="frozen", probe_examples=50)

def forked(out, last=None):
    # Trains in a fork, which kills itself at its call number `last`; returns how many calls there were.
    calls = 0

    def count(frame, event, _):
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            sys.setprofile(count)
            train(Job(config, out, DataSource()))
            sys.setprofile(None)
            os.write(write, str(calls).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        return int(told.read() or 0)

def record(out):
    return RunsFolder(out).run(config.key).record()

root = Path(sys.argv[1])
train(Job(config, root / "warm-up", DataSource()))
calls = forked(root / "whole")
moments = random.Random(0)
left, wrong = [], 0
for number in range({KILLS}):
    out = root / str(number)
    forked(out, moments.randrange(calls))
    known = record(out) if RunsFolder(out).run(config.key).path.is_dir() else None
    left.append(-1 if known is None else len(known.results))
    forked(out)
    again = record(out)
    kept = known is None or [r.seconds for r in again.results[: len(known.results)]] == [r.seconds for r in known.results]
    wrong += not kept or again is None or again.status != "finished" or again.numbers() != record(root / "whole").numbers()
print(json.dumps({{"left": left, "wrong": wrong}}))
"""


@pytest.mark.slow
def test_runs_that_were_killed_end_like_uninterrupted_ones(tmp_path):
    """Twenty kills at random calls, not at moments of a clock; tasks that were recorded before a kill are not trained again."""
    result = json.loads(printed("-c", PROGRAM, tmp_path).splitlines()[-1])
    assert result["wrong"] == 0 and len(result["left"]) == KILLS
    assert any(0 < tasks < 5 for tasks in result["left"])  # some kills hit a run between its tasks
