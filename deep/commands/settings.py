"""The settings of runs, as options of the commands that train."""

from __future__ import annotations

import ast
import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import deep
from deep.commands.options import DataOptions, stream_names
from deep.runs.execute import DataSource
from deep.training.options import LoopOptions
from theory.commands import choices
from theory.errors import InputError

if TYPE_CHECKING:
    from deep.training.config import RunConfig

# Names of what only torch can load, for help that takes no time.
NETWORKS = ("mlp-100", "mlp-400", "mlp-100x4", "convnet", "paper-resnet", "resnet18-20", "resnet18-64", "vit-micro", "vit-micro-branches")
NORMALISATIONS = ("none", "batch", "group", "layer")


def strategy_names() -> list[str]:
    """Return the names of our strategies, which stand in their files."""
    texts = (path.read_text(encoding="utf-8") for path in sorted((Path(deep.__file__).parent / "strategies").glob("*.py")))
    return [name for text in texts for name in re.findall(r'^    name: ClassVar\[str\] = "(.+)"', text, re.M)]


@dataclass(frozen=True, kw_only=True)
class Settings(LoopOptions, DataOptions):
    """What is trained, once for every order and seed, and where the data are."""

    stream: Annotated[str, stream_names()] = "split-digits"
    stream_options: tuple[str, ...] = ()
    """Options of the stream, such as tasks=5."""
    orders: tuple[int, ...] = (0,)
    """0 is the identity, 1 to 10 the seeded orders that studies use."""
    seeds: tuple[int, ...] = (0,)
    """Decide everything random: stream, first weights, batches."""
    strategy: Annotated[str, choices("How tasks are learned one after another", strategy_names())] = "initialized"
    strategy_options: tuple[str, ...] = ()
    """Options of the strategy, such as depth=2."""
    network: Annotated[str | None, choices("By default the MLP with 2 x 100 units for digits, the five-stage ConvNet for larger images. Names", NETWORKS)] = None
    normalisation: Annotated[str | None, choices("Normalisation layers, by default the network's own. Names", NORMALISATIONS)] = None
    scenario: str = "task"
    """task, domain or class: what is known at evaluation."""
    scaling: str = "standardised"
    """Of pixels: standardised, unit (shares of 255) or none."""
    first_weights: str = "torch"
    """By whose rule: torch or glorot."""
    probe_examples: int = 1000
    """Training examples on which gradients are measured for the cosines; 0 leaves them out."""
    device: str = "cpu"
    """cpu or cuda."""
    evaluate_on: str = "validation"
    """validation or test: the part that accuracies are measured on."""

    def __post_init__(self) -> None:
        """Leave the checks to the configurations."""

    @property
    def source(self) -> DataSource:
        """Where the data are."""
        return DataSource(self.data_root, self.download)

    def configs(self) -> list[RunConfig]:
        """Return the configuration of every run; InputError if there is none."""
        for name in ("orders", "seeds"):
            if not getattr(self, name):
                raise InputError(f"--{name} names none, so nothing would be trained; give some")
        return [self._config(order, seed) for seed in dict.fromkeys(self.seeds) for order in dict.fromkeys(self.orders)]

    def _config(self, order: int, seed: int) -> RunConfig:
        from deep.training.config import RunConfig

        own = {"order": order, "seed": seed}
        own |= {name: parse_options(getattr(self, name)) for name in ("stream_options", "strategy_options")}
        return RunConfig(**own, **{field.name: getattr(self, field.name) for field in dataclasses.fields(RunConfig) if field.name not in own})


def parse_options(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return the options that texts such as "depth=2" give; what is no Python literal is text.

    Raises
    ------
    InputError
        For a text without "=", or an option given twice.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise InputError(f"the option {text!r} has no value; write it as name=value, such as depth=2")
        if name in options:
            raise InputError(f"the option {name} is given twice; give it once")
        try:
            options[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # what ast raises for what is no literal
            options[name] = value
    return options
