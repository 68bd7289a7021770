"""Stamps: what a number depends on is found, what it does not depend on is not, and the same numbers are adopted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scaffold import ROOT, python

from simulate.work.provenance import _read, closure, differences, equal, joined, same_processor, stamp

FILES = {
    "theory/__init__.py": (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from theory.numbers import value as value\n\n"
        "def __getattr__(name):\n    import importlib\n    return getattr(importlib.import_module('theory.numbers'), name)\n"
    ),
    "theory/numbers.py": "value = 2\n",
    "theory/typed.py": "Kind = int\n",
    "simulate/__init__.py": "",
    "simulate/metrics.py": (
        '"""Metrics."""\n\ndef average(values):\n    """Mean."""\n    if not values:\n        raise ValueError("no values")\n'
        "    return sum(values) / len(values)  # of all\n"
    ),
    "simulate/lazy.py": "factor = 3\n",
    "simulate/compute.py": (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n\nimport numpy as np\n\nfrom theory import value\n"
        "from . import metrics\n\nif TYPE_CHECKING:\n    from theory.typed import Kind\n\n"
        "def run():\n    from simulate.lazy import factor\n    return metrics.average([factor, value])\n"
    ),
}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def stamped(root):
    closure.cache_clear()
    _read.cache_clear()
    return stamp("simulate.compute", root=root)


def confirmed(stored, today, part, compute):
    """Adopt or not, as those who keep records do."""
    return not differences(stored, today) or equal(part, compute(), same_processor(stored, today))


def change(root, name, old, new):
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


def test_the_closure_follows_lazy_names_and_imports_but_not_those_of_type_checkers(root):
    found = set(stamped(root)["files"])
    assert found == set(FILES) - {"theory/typed.py"}


@pytest.mark.parametrize(("name", "old", "new"), [
    ("simulate/metrics.py", "# of all", "# of each and all"),
    ("simulate/metrics.py", '"""Mean."""', '"""Compute the mean."""\n'),
    ("simulate/metrics.py", '"""Metrics."""\n', ""),
    ("simulate/metrics.py", "sum(values) / len(values)", "(sum(values)\n            / len(values))"),
    ("simulate/compute.py", "from theory.typed import Kind", "from theory.typed import Other"),
    ("theory/typed.py", "int", "float"),
])
def test_what_computes_nothing_is_no_alarm(root, name, old, new):
    before = stamped(root)
    change(root, name, old, new)
    assert differences(before, stamped(root)) == []


@pytest.mark.parametrize(("name", "old", "new", "same"), [
    ("simulate/metrics.py", '"no values"', '"there are no values"', True),
    ("simulate/metrics.py", "len(values)  #", "(len(values) - 1)  #", False),
    ("simulate/lazy.py", "3", "4", False),
    ("theory/numbers.py", "2", "2.5", False),
])
def test_a_message_is_adopted_and_a_number_is_caught(root, name, old, new, same):
    def computed():
        lines = "from simulate.compute import run; print(run())"
        return float(python("-B", "-c", lines, cwd=root, PYTHONPATH="").stdout)

    before, number = stamped(root), computed()
    change(root, name, old, new)
    today = stamped(root)
    assert differences(before, today) == [name]
    assert confirmed(before, today, number, computed) is same
    assert confirmed(today, today, number, lambda: pytest.fail("computed although no stamp differs"))


def test_files_that_nobody_imports_are_no_alarm_and_new_imports_are(root):
    before = stamped(root)
    (root / "simulate/strategy.py").write_text("weight = 1\n")
    assert differences(before, stamped(root)) == []
    change(root, "simulate/lazy.py", "factor = 3", "from simulate.strategy import weight\nfactor = 3 * weight")
    assert differences(before, stamped(root)) == ["simulate/lazy.py", "simulate/strategy.py"]


def test_packages_count_and_processors_do_not(root):
    one = stamped(root)
    other = {**one, "packages": {"numpy": "0.0"}, "processor": "another"}
    assert differences(one, {**one, "processor": "another"}) == []
    assert differences(other, one) == [f"numpy 0.0 -> {one['packages']['numpy']}"]
    assert len(differences(None, one)) == 1
    assert joined(other, one)["processor"].split(" and ") == sorted({"another", one["processor"]})
    assert joined(None, one) == joined(one, one) == one


def test_equality_is_exact_on_one_processor_and_bounded_on_another(root):
    today = stamped(root)
    old = {**today, "files": {}}
    foreign = {**old, "processor": "another"}
    near, far = [1.0 + 1e-12, 7], [1.0 + 1e-4, 7]
    assert confirmed(old, today, [1.0, 7], lambda: [1.0, 7])
    assert not confirmed(old, today, [1.0, 7], lambda: near)
    assert confirmed(foreign, today, [1.0, 7], lambda: near) and confirmed(None, today, [1.0, 7], lambda: near)
    assert not confirmed(foreign, today, [1.0, 7], lambda: far) and not confirmed(foreign, today, [1.0, 7], lambda: [1.0, 8])
    assert equal({"a": [1, None, "x"]}, {"a": (1, None, "x")}) and not equal({"a": 1}, {"b": 1}) and not equal([1], [1, 2])


@pytest.mark.parametrize(("module", "call"), [
    ("simulate.sample.run", "simulate.sample.run.simulate(seq, 4, method='direct').per_trial('forgetting')"),
    ("simulate.sample.run", "simulate.sample.run.simulate(seq, 4, method='reduced').per_trial('deviation')"),
    ("deep.training.run", "0"),
])
def test_all_that_is_loaded_while_computing_is_in_the_closure(module, call):
    """But for what the call itself uses and what registries find by file name, which callers name."""
    code = f"import sys, json, {module}, theory, simulate\nseq = theory.one_block(30, (10, 8), 0.5, gram=[[1, 0], [0, 1]])\n{call}\n"
    code += "ours = [m for n, m in sys.modules.items() if n.split('.')[0] in ('theory', 'simulate', 'deep')]\n"
    code += "print(json.dumps([m.__file__ for m in ours if m.__file__]))"
    loaded = json.loads(python("-c", code).stdout)
    names = {Path(file).relative_to(ROOT).as_posix() for file in loaded} - {"theory/constructors.py", "theory/inner_products.py"}  # which made the experiment
    closure.cache_clear()
    found = set(closure(module))
    assert names <= found and len(names) > 15
    assert not {name for name in found if name.startswith(("figures/", "theory/ledger", "theory/law"))}
