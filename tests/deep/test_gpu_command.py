"""`driftlaw gpu`: its parts keep their time, what is done is not done again, and all of it runs without a GPU at its smallest."""

import json

import pytest
from balanced_part import packed, unpacked
from scaffold import ROOT, assert_refused, outcome, python

from deep.gpu.__main__ import main
from deep.gpu.parts import DONE, FAILED, LEFT_OUT, STOPPED, Part, measure, parts, text
from driftlaw.testing.contracts.streams import made_dataset

pytestmark = pytest.mark.slow


def states(wanted, out, minutes=1.0, about="none"):
    told = []
    found = measure(wanted, out, minutes, told.append, about)
    return [outcome.state for outcome in found], [line.partition(":")[0] for line in told], text(found, out, {"device": "none"})


def test_a_part_that_fails_or_takes_too_long_takes_nothing_from_the_others(tmp_path):
    hanging = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
    first, second = Part("first", ("-c", "print(1 + 1)"), 60), Part("second", ("-c", "1 / 0"), 60)
    third, last = Part("third one", ("-c", hanging), 1), Part("last", ("-c", f"open({str(tmp_path / 'made')!r}, 'a').write('x')"), 60)
    wanted = [first, second, third, last]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deep.gpu.parts.GRACE", 0.1)
        found, told, table = states(wanted, tmp_path)
        assert found == [DONE, FAILED, STOPPED, DONE] and told == [part.name for part in wanted]
        assert "== first\n2\n" in table and "ZeroDivisionError" in table and "== third one" in table
        found, told, _ = states([first, Part("second", ("-c", "2 / 2"), 60), last], tmp_path)  # done again where it failed, or is another program
    assert found == [DONE, DONE, DONE] and told == ["second"] and (tmp_path / "made").read_text() == "x"
    assert states([first], tmp_path, about="another device")[1] == ["first"]
    (tmp_path / "outcomes.json").write_text('[{"name": "first"}]')
    assert_refused(lambda: states([first], tmp_path), "outcomes.json .*remove it")


def test_where_the_first_part_fails_nothing_else_is_worth_a_look(tmp_path):
    wanted = [Part("tests", ("-c", "assert False"), 60), Part("speed", ("-c", ""), 60)]
    assert states(wanted, tmp_path)[0] == [FAILED, LEFT_OUT]


def test_time_that_is_over_leaves_parts_to_the_next_call(tmp_path):
    wanted = [Part("one", ("-c", ""), 60)]
    assert states(wanted, tmp_path, 0.0)[0] == [LEFT_OUT] and states(wanted, tmp_path)[0] == [DONE]


def test_all_of_it_at_its_smallest(tmp_path, capsys):
    """Images of another kind stand in: 100 classes of noise."""
    images = made_dataset(classes=100, train=6, test=4, shape=(32, 32, 3), name="noise")
    (tmp_path / "images").write_bytes(packed(images, 6, 4))
    status, out, _ = outcome(main, capsys, "--toy", "--minutes", 120, "--device", "cpu", "--images", tmp_path / "images", "--out", tmp_path / "gpu")
    assert status == 0, out
    assert {part.name for part in parts(tmp_path, studies=True)} == {entry["name"] for entry in json.loads((tmp_path / "gpu" / "outcomes.json").read_text())}
    assert {file.stem for file in (tmp_path / "gpu").glob("*.jsonl")} == {"steps", "runs", "samplers", "hybrid", "regimes", "ntk-cl"}


def test_the_part_is_balanced_and_comes_back_as_it_was():
    images = made_dataset(classes=7, train=9, test=5, shape=(32, 32, 3), name="noise")
    for part, whole, count in zip(unpacked(packed(images, 4, 3)), (images.train, images.test), (4, 3), strict=True):
        theirs = {(image.tobytes(), int(label)) for image, label in zip(whole.images, whole.labels, strict=True)}
        assert [*map(list(part.labels).count, range(7))] == [count] * 7
        assert {(image.tobytes(), int(label)) for image, label in zip(part.images, part.labels, strict=True)} <= theirs


@pytest.mark.parametrize(("words", "reason"), [(("--minutes", "-1"), "minutes"), (("--device", "tpu"), "cuda"), (("--images", "none"), "none")])
def test_bad_input(words, reason, tmp_path, capsys):
    status, _, told = outcome(main, capsys, "--toy", "--device", "cpu", *words, "--out", tmp_path)
    assert status == 2 and reason in told


def test_the_data_set_says_what_it_needs(tmp_path):
    done = python("-m", "driftlaw", "deep", "run", "--load", ROOT / "tests/bench/cifar_part.py", "--stream", "split-cifar-100-part", cwd=tmp_path)
    assert done.returncode == 2 and "DRIFTLAW_IMAGES is not set" in done.stderr
