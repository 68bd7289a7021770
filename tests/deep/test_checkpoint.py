"""Checkpoints: another run's are refused, damaged ones too, none is ever half."""

import contextlib
import os
from dataclasses import replace

import pytest
import torch
from made_training import made_config, made_stream, train_until
from scaffold import assert_refused, raising

from deep.strategies.initialized import Initialized
from deep.training import checkpoint, run
from driftlaw import InputError, RunConfig, train_run

STREAM = made_stream()


def interrupted(folder, after=1):
    """Train until ``after`` tasks are stored."""
    train_until(after, made_config(), STREAM, folder)
    return folder / checkpoint.NAME


def test_kept_moments_go_on_bit_for_bit(tmp_path):
    adam = made_config(optimiser="adam", learning_rate=0.01, keep_moments=True)
    train_until(2, adam, STREAM, tmp_path)
    assert train_run(adam, STREAM, tmp_path).numbers() == train_run(adam, STREAM).numbers()


def test_another_configuration_is_refused_and_named(tmp_path):
    path = interrupted(tmp_path)
    with pytest.raises(InputError, match=r"another run: learning_rate is 0.05, not 0.1; seed is 0, not 1; choose another folder, or remove"):
        train_run(made_config(learning_rate=0.1, seed=1), made_stream(seed=1), tmp_path)
    assert path.exists()


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("after", [1, 2])
def test_a_checkpoint_of_other_code_is_gone_on_from_if_it_comes_out_again(tmp_path, monkeypatch, changed, after):
    """A stand-in for other code names another file, and may count a step more."""
    whole, stamp = train_run(made_config(), STREAM), made_config().stamp
    with monkeypatch.context() as patch:
        patch.setattr(RunConfig, "stamp", {**stamp, "files": {**stamp["files"], "deep/training/loop.py": "0"}})
        if changed:
            train = run.train_task
            patch.setattr(run, "train_task", lambda *arguments: replace(found := train(*arguments), steps=found.steps + 1))
        interrupted(tmp_path, after=after)
    stored = []
    with pytest.warns(RuntimeWarning, match="loop.py changed") if changed else contextlib.nullcontext():
        found = train_run(made_config(), STREAM, tmp_path, stored.append)
    assert found.numbers() == whole.numbers() and found.stamp == stamp
    assert len(stored) == 3 - (0 if changed else after)


def test_other_images_are_refused(tmp_path):
    interrupted(tmp_path)
    assert_refused(lambda: train_run(made_config(), made_stream(train=16), tmp_path), "made with other images")


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text", "other", "fields"])
def test_a_damaged_checkpoint_warns_and_its_run_starts_anew(tmp_path, damage):
    path = interrupted(tmp_path)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes({
        "cut": content[:half],
        "bit": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
        "empty": b"",
        "text": b"no checkpoint\n" * 40,
        "other": checkpoint.packed([1, 2]),
        "fields": checkpoint.packed({"format": checkpoint.FORMAT, "key": made_config().key}),
    }[damage])
    with pytest.warns(RuntimeWarning, match=f"checkpoint {path} is damaged"):
        anew = train_run(made_config(), STREAM, tmp_path)
    assert anew.numbers() == train_run(made_config(), STREAM).numbers() == train_run(made_config(), STREAM, tmp_path).numbers()


def test_no_code_is_run_from_a_checkpoint(tmp_path):
    class Harmful:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    content = checkpoint.packed({"format": checkpoint.FORMAT, "key": made_config().key, "record": Harmful()})
    (tmp_path / checkpoint.NAME).write_bytes(content)
    with pytest.warns(RuntimeWarning, match="damaged"):
        train_run(made_config(), STREAM, tmp_path)
    assert not (tmp_path / "harm").exists()


def test_another_format_is_refused(tmp_path):
    (tmp_path / checkpoint.NAME).write_bytes(checkpoint.packed({"format": 99}))
    assert_refused(lambda: train_run(made_config(), STREAM, tmp_path), "has format 99, this version reads 1")


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = interrupted(tmp_path)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", raising(OSError(28, "No space left on device")))
        assert_refused(lambda: train_run(made_config(), STREAM, tmp_path), "cannot write .*No space left")
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == [checkpoint.NAME]
    assert train_run(made_config(), STREAM, tmp_path).numbers() == train_run(made_config(), STREAM).numbers()


def test_draws_from_the_global_generator_go_on_where_they_were(tmp_path, monkeypatch):
    class Noisy(Initialized):
        def transform_gradient(self, gradient, task):
            return gradient + 0.01 * torch.randn_like(gradient)

    monkeypatch.setattr(RunConfig, "new_strategy", lambda config: Noisy())
    torch.manual_seed(5)
    before = torch.get_rng_state()
    whole = train_run(made_config(), STREAM)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    interrupted(tmp_path)
    assert train_run(made_config(), STREAM, tmp_path).numbers() == whole.numbers()


def test_a_finished_run_is_read_from_its_checkpoint(tmp_path):
    whole = train_run(made_config(), STREAM, tmp_path)
    stored = []
    assert train_run(made_config(), STREAM, tmp_path, stored.append).numbers() == whole.numbers() and not stored
