"""The folder of runs: states, locks, keys; runs side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from made_records import made_record

from deep.records import Failure
from deep.runs import RunsFolder, execute
from deep.training.config import RunConfig
from theory.errors import InputError

CONFIG = made_record().config


def stored(root, key, status="finished", config=CONFIG):
    """Store a run of some status; return its folder."""
    folder = RunsFolder(root).run(key)
    folder.put_config(dict(config))
    if status == "finished":
        folder.put_record(made_record(key=key))
    elif status == "failed":
        failure = Failure(1, 7, "the loss is NaN")
        folder.put_record(replace(made_record(key=key), status="failed", results=made_record().results[:1], failure=failure))
    elif status == "partial":
        folder.put_record(replace(made_record(key=key), status="partial", results=made_record().results[:1]))
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
        "import sys, time; from pathlib import Path; from deep.runs import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(folder.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert folder.is_locked() and folder.state().status == "running"
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert folder.state().status == "interrupted"
    with folder.locked():
        assert folder.is_locked()


def test_runs_are_found_by_the_start_of_their_key(tmp_path):
    for key in ("abc1", "abd2"):
        stored(tmp_path, key)
    runs = RunsFolder(tmp_path)
    assert runs.find("abd").key == "abd2"
    for prefix, reason in (("x", "no run"), ("ab", "2 runs"), ("", "2 runs")):
        with pytest.raises(InputError, match=f"{reason} .*status"):
            runs.find(prefix)


def test_a_damaged_record_counts_as_none(tmp_path):
    folder = stored(tmp_path, "a")
    path = folder.path / "record.json"
    path.write_text(path.read_text().replace("0.625", "0.875"))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert folder.state().status == "interrupted"


def test_the_configuration_is_stored_once(tmp_path):
    folder = stored(tmp_path, "a", "started")
    before = (folder.path / "config.json").stat().st_mtime_ns
    folder.put_config(dict(CONFIG))
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


NO_MEMORY = [
    torch.cuda.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("CUDA error: out of memory"),  # the driver, where a process has no room even to begin
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    no_memory_here(),
    MemoryError(),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: type(error).__name__)
def test_a_run_without_memory_keeps_its_checkpoint_and_no_record(tmp_path, monkeypatch, error):
    def no_memory(*_, **__):
        raise error

    job = execute.Job(RunConfig(stream_options={"train_examples": 40}), tmp_path, execute.DataSource())
    threads = torch.get_num_threads()
    with monkeypatch.context() as patch:
        patch.setattr("deep.training.run.train_run", no_memory)
        assert execute.train(job) is None
    assert RunsFolder(tmp_path).states()[0].status == "interrupted" and torch.get_num_threads() == threads


def test_another_error_is_not_taken_for_want_of_memory(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr("deep.training.run.train_run", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        execute.train(execute.Job(RunConfig(stream_options={"train_examples": 40}), tmp_path, execute.DataSource()))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot write"):
        stored(tmp_path, "a")
