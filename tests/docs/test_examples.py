"""Every name of the front door has an example in its docstring, and it runs as it is shown."""

import doctest
import inspect

import pytest

import driftlaw


@pytest.mark.parametrize("name", driftlaw.__all__)
def test_the_example_of_the_docstring_runs(name):
    part = getattr(driftlaw, name)
    text = (part if inspect.isclass(part) or inspect.isfunction(part) else type(part)).__doc__
    examples = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, name, None, None)
    assert examples.examples, f"{name} has no example; add one to its docstring"
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0
