"""driftlaw verifies the theory of continual learning in overparameterized models.

    import driftlaw as dl

    seq = dl.one_block(p=40, samples=(10, 10), noise=0.5, gram=[[1, 0.5], [0.5, 1]])
    dl.expected_errors(seq).forgetting()                 # the exact law
    dl.simulate(seq, trials=20_000).estimate("forgetting")  # the same by sampling
    print(dl.check(formula, "forgetting", build, cases))    # a verdict on a formula of one's own

Everything lives in four packages beside this one, `theory`, `simulate`, `deep` and `figures`; here are the names that one types. They are
loaded on first use: experiments need no SymPy, samplers no formula, and only networks need torch.
"""

import importlib
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # read by type checkers and editors, and by `theory.lazy`: names and where they come from
    from deep.runs.execute import train_runs as train_runs
    from deep.strategies import Strategy as Strategy
    from deep.streams import stream as stream
    from deep.training.config import RunConfig as RunConfig
    from deep.training.run import train_run as train_run
    from simulate import (
        Estimate as Estimate,
        Simulation as Simulation,
        check as check,
        compare_schedules as compare_schedules,
        grid as grid,
        hybrid as hybrid,
        refute as refute,
        simulate as simulate,
        sweep as sweep,
    )
    from theory import *  # noqa: F403 - all names that it gives, but for its modules
    from theory.conditions import EWC as EWC, SI as SI, HeadDistillation as HeadDistillation
    from theory.formulas import FORMULAS as FORMULAS
    from theory.own import load as load

__version__ = "0.1.0"

PACKAGES = ("theory", "simulate", "deep", "figures")


class _Beside(MetaPathFinder):
    """Finds the four packages beside this one, whatever else ``sys.path`` calls so: a user's own folder ``theory``, say."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_file_location(fullname, _place(fullname)) if fullname in PACKAGES else None


def _place(package: str) -> Path:
    return Path(__file__).resolve().parent.parent / package / "__init__.py"


for _name in PACKAGES:
    _other = sys.modules.get(_name)
    if _other is not None and Path(_other.__file__ or "").resolve() != _place(_name):
        _where = _other.__file__ or list(_other.__path__)[0]
        raise ImportError(f"driftlaw needs the name {_name} for {_place(_name)}, but {_where} is loaded under it; import driftlaw first, or rename that one")
sys.meta_path.insert(0, _Beside())

from theory.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)
