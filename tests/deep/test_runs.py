"""The folder of runs: states, locks, keys; runs side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from made_records import made_record

from deep.records import Failure
from deep.runs import RunsFolder
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot write"):
        stored(tmp_path, "a")
