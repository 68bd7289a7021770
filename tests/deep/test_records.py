"""Records: what they check, that they survive writing and reading, and that they need no torch."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_records import made_record
from scaffold import assert_refused, python, refusals

from deep.records import Failure, from_json, read_records, to_json, write_records


def test_what_follows_from_a_record():
    record = made_record()
    assert np.array_equal(record.accuracy, [[0.75, 0.5], [0.625, 1.0]])
    assert record.metrics["forgetting"] == 0.125
    assert record.metrics["forward_transfer"] == 0.0
    assert tuple(result.update_magnitude for result in record.results) == (5.0, np.sqrt(0.5**2 + 1.25**2))
    assert record.examples == 1340
    assert record.seconds == 0.75


def test_partial_and_failed_records_have_no_metrics():
    partial = replace(made_record(), status="partial", results=made_record().results[:1])
    failed = replace(partial, status="failed", failure=Failure(1, 7, "the loss is NaN"))
    assert partial.metrics is None and failed.metrics is None
    assert partial.accuracy.shape == (1, 2)
    assert replace(partial, results=()).accuracy.shape == (0, 2)


def test_round_trip(tmp_path):
    failed = replace(made_record(), status="failed", results=made_record().results[:1], failure=Failure(1, 7, "the loss is NaN\u2028"))
    records = [made_record(), failed]
    write_records(tmp_path / "runs.jsonl", records)
    assert read_records(tmp_path / "runs.jsonl") == records
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert len(lines) == 2 and json.loads(lines[0])["schema"] == 1
    assert json.loads(lines[0])["metrics"] == made_record().metrics


def test_numbers_leave_out_seconds_alone():
    record = made_record()
    slower = replace(record, results=tuple(replace(result, seconds=9.0) for result in record.results))
    other = replace(record, results=(record.results[0], replace(record.results[1], examples=701)))
    assert slower.numbers() == record.numbers() != other.numbers()


test_records_that_contradict_themselves = refusals([
    (lambda: made_record(status="done"), "unknown status"),
    (lambda: made_record(status="failed"), "belongs to failed runs"),
    (lambda: made_record(failure=Failure(0, 0, "x")), "belongs to failed runs"),
    (lambda: made_record(results=made_record().results[:1]), "call it partial"),
    (lambda: made_record(baseline=(0.5,)), "baseline has 1 entries"),
    (lambda: made_record(stages=("hidden", "head")), "trained of task 0 has 3"),
    (lambda: made_record(results=made_record().results[::-1]), "cosines of task 0 has 1"),
])


@pytest.mark.parametrize(("change", "reason"), [
    (lambda value: value.update(schema=99), "schema 99"),
    (lambda value: value.pop("schema"), "no schema version"),
    (lambda value: value.update(kind="walk"), "unknown kind of record"),
    (lambda value: value.pop("baseline"), "lacks a field"),
    (lambda value: value.update(more=1), "one too many"),
    (lambda value: value["results"][1]["accuracy"].__setitem__(0, 0.5), "do not follow"),
])
def test_lines_that_are_no_records(tmp_path, change, reason):
    value = json.loads(json.dumps(to_json(made_record())))
    assert from_json(value) == made_record()
    change(value)
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(to_json(made_record())) + "\n" + json.dumps(value) + "\n")
    assert_refused(lambda: read_records(path), f"line 2: .*{reason}")


def test_damaged_and_absent_files(tmp_path):
    path = tmp_path / "runs.jsonl"
    assert_refused(lambda: read_records(path), "No such file")
    path.write_text(json.dumps(to_json(made_record()))[:-20])
    assert_refused(lambda: read_records(path), "line 1 is not JSON")


def test_an_unwritable_place(tmp_path):
    assert_refused(lambda: write_records(tmp_path / "absent" / "runs.jsonl", []), "make its folder")


def test_records_are_read_without_torch(tmp_path):
    write_records(tmp_path / "runs.jsonl", [made_record()])
    program = "import sys; from deep.records import read_records; read_records(sys.argv[1]); sys.exit('torch' in sys.modules)"
    assert python("-c", program, tmp_path / "runs.jsonl").returncode == 0
