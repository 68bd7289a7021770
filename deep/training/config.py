"""Configuration of a run: everything that its numbers depend on, and the key made of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deep.networks.normalisation import NORMALISATIONS
from deep.networks.registry import ARCHITECTURES, SHIPPED, default_network, default_normalisation, names
from deep.strategies import strategy
from deep.streams import SCENARIOS, make_options, parse_name
from deep.training.captured import check_capturable
from deep.training.keys import config_key, described, training_stamp, within_code
from deep.training.options import LoopOptions
from simulate.work.keys import json_value
from theory.checks import known, whole
from theory.errors import InputError

DEVICES = ("cpu", "cuda")
PARTS = ("validation", "test")


@dataclass(frozen=True, kw_only=True)
class RunConfig(LoopOptions):
    """What is trained, on which stream, how.

    Parameters
    ----------
    stream : str
        Kind and data set, such as "split-digits".
    stream_options : mapping
        Options of the stream, such as {"tasks": 5}.
    order, seed : int
        Of the stream; the seed decides the first weights and the batches too.
    strategy : str
    strategy_options : mapping
        Options of the strategy, such as {"depth": 2}.
    network : str, optional
        Default: "mlp-100" for digits, "convnet" for larger images.
    normalisation : str, optional
        Default: the network's own.
    scenario : {"task", "domain", "class"}
    probe_examples : int
        Training examples, drawn before each task, on which the gradient for the record's cosines is measured; 0 leaves
        the cosines out. It keeps one gradient, as long as all parameters, for each task.
    device : {"cpu", "cuda"}
    evaluate_on : {"validation", "test"}
        Part on which accuracies are measured.
    own_parts : bool
        Divide the official test images of a data set in two where its training part cannot be found.
    **options
        Of `deep.training.options.LoopOptions`.

    Raises
    ------
    InputError
        For unknown names (suggests the nearest) and numbers outside their range.

    Examples
    --------
    >>> import driftlaw as dl
    >>> config = dl.RunConfig(stream="split-digits", strategy="frozen", strategy_options={"depth": 2}, epochs=3)
    >>> config.network, config.epochs, config.scenario
    ('mlp-100', 3, 'task')
    """

    stream: str = "split-digits"
    stream_options: Mapping[str, Any] = field(default_factory=dict)
    order: int = 0
    seed: int = 0
    strategy: str = "initialized"
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    network: str | None = None
    normalisation: str | None = None
    scenario: str = "task"
    probe_examples: int = 1000
    device: str = "cpu"
    evaluate_on: str = "validation"
    own_parts: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        kind, datasets = parse_name(self.stream)
        make_options(kind, dict(self.stream_options))
        chosen_strategy = strategy(self.strategy, **self.strategy_options)
        chosen = default_network(datasets) if self.network is None else known(self.network, names(), "network")
        normalisation = default_normalisation(chosen) if self.normalisation is None else known(self.normalisation, NORMALISATIONS, "normalisation")
        for name, what in (("order", "the order"), ("seed", "the seed"), ("probe_examples", "the number of probed examples")):
            whole(getattr(self, name), what, 0)
        known(self.scenario, SCENARIOS, "scenario")
        known(self.device, DEVICES, "device")
        if self.execution == "captured":
            check_capturable(chosen_strategy, self.device)
        known(self.evaluate_on, PARTS, "part to evaluate on")
        if not isinstance(self.own_parts, bool):
            raise InputError(f"own_parts is {self.own_parts!r}; give True or False")
        resolved = {"network": chosen, "normalisation": normalisation}
        resolved |= {name: json_value(dict(getattr(self, name)), name) for name in ("stream_options", "strategy_options")}
        for name, value in resolved.items():
            object.__setattr__(self, name, value)

    def canonical(self) -> dict[str, Any]:
        """Return the configuration in JSON's own types, defaults filled in."""
        return json_value(dataclasses.asdict(self), "configuration")

    @classmethod
    def from_canonical(cls, value: Mapping[str, Any]) -> RunConfig:
        """Return the configuration that `canonical` has described.

        Raises
        ------
        InputError
            For fields that this version does not have.
        """
        fields = [entry.name for entry in dataclasses.fields(cls)]
        for name in value:
            known(name, fields, "field of a configuration")
        return cls(**value)

    @property
    def key(self) -> str:
        """Key of the run: equal for equal configurations, also where own parts have the names."""
        network = ARCHITECTURES[self.network]
        parts = {name: part for name, part in self._parts().items() if not within_code(part)}
        if network is not SHIPPED.get(self.network):
            parts["network"] = network.make
        return config_key(self.canonical(), {name: described(part) for name, part in parts.items()})

    @property
    def stamp(self) -> dict[str, Any]:
        """Stamp of the code that trains the run (`simulate.work.provenance`)."""
        return dict(training_stamp(*self.modules))

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules that define strategy and stream."""
        return tuple(part.__module__ for part in self._parts().values())

    def _parts(self) -> dict[str, type]:
        return {"strategy": type(strategy(self.strategy, **self.strategy_options)), "stream": parse_name(self.stream)[0]}
