"""Configuration of a run: everything that its numbers depend on, and the key made of it."""

import dataclasses
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from deep.data import DATASETS
from deep.networks import NETWORKS, Architecture, Network, default_network
from deep.networks.normalisation import NORMALISATIONS
from deep.networks.registry import FIRST_WEIGHTS
from deep.streams import SCENARIOS, STREAMS, Stream, StreamOptions, make_options, parse_name
from deep.training.captured import check_capturable
from deep.training.examples import SCALINGS
from deep.training.keys import config_key, training_stamp
from deep.training.options import LoopOptions
from deep.training.own import KINDS, described, hashes, strategy_fields, stream_fields
from deep.training.strategy import STRATEGIES, Strategy, strategy
from simulate.work.keys import json_value
from theory.checks import flag, known, whole
from theory.errors import InputError
from theory.own import LOCK, source_now
from theory.parts import P, Parts, Place

DEVICES = ("cpu", "cuda")
PARTS = ("validation", "test")
_LATER = {"iterations": None, "scaling": "standardised", "first_weights": "torch", "keep_features": False}  # options younger than stored runs: left out at these values, so that keys stand
FILES = "files"  # beside a stored configuration: where own parts come from


@dataclass(frozen=True, kw_only=True)
class RunConfig(LoopOptions):
    """What is trained, on which stream, how.

    It holds names and JSON values, whatever it was made of, and beside them which of the parts are not driftlaw's: they are
    those that had the names when it was made, in other processes too.

    Parameters
    ----------
    stream : str or Stream
        Kind and data set, such as "split-digits"; a stream gives its options, order and seed too.
    stream_options : mapping
        Options of the stream, such as {"tasks": 5}.
    order, seed : int
        Of the stream; the seed decides the first weights and the batches too.
    strategy : str, Strategy or class of strategies
        ``Frozen(depth=2)`` is "frozen" with the options {"depth": 2}.
    strategy_options : mapping
        Options of the strategy, such as {"depth": 2}.
    network : str or callable, optional
        A callable takes image shape (C, H, W), head sizes and normalisation, and returns a `deep.networks.Network`. Default:
        "mlp-100" for digits, "convnet" for larger images.
    normalisation : str, optional
        Default: the network's own.
    scenario : {"task", "domain", "class"}
    probe_examples : int
        Training examples, drawn before each task, on which the gradient for the record's cosines is measured; 0 leaves
        the cosines out, and so do networks that classify by prototypes. It keeps one gradient, as long as all parameters, for each task.
    device : {"cpu", "cuda"}
    evaluate_on : {"validation", "test"}
        Part on which accuracies are measured.
    own_parts : bool
        Divide the official test images of a data set in two where its training part cannot be found.
    scaling : {"standardised", "unit", "none"}
        Pixels by mean and deviation of the first task's; as shares of 255; or 0 to 255 as they are.
    first_weights : {"torch", "glorot"}
        As `deep.networks.build` says.
    **options
        Of `deep.training.options.LoopOptions`.

    Raises
    ------
    InputError
        For unknown names (suggests the nearest), numbers outside their range, and objects that are no such parts or have
        options that JSON cannot hold.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from deep.strategies.frozen import Frozen
    >>> dl.RunConfig(strategy=Frozen(depth=3)).key == dl.RunConfig(strategy="frozen", strategy_options={"depth": 3}).key
    True
    >>> dl.RunConfig(strategy="frozen", epochs=3).network
    'mlp-100'
    """

    stream: str | Stream = "split-digits"
    stream_options: Mapping[str, Any] = field(default_factory=dict)
    order: int = 0
    seed: int = 0
    strategy: str | Strategy | type[Strategy] = "initialized"
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    network: str | Callable[..., Network] | None = None
    normalisation: str | None = None
    scenario: str = "task"
    probe_examples: int = 1000
    device: str = "cpu"
    evaluate_on: str = "validation"
    own_parts: bool = False
    scaling: str = "standardised"
    first_weights: str = "torch"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._name_parts()
        kind, datasets = parse_name(self.stream)
        make_options(kind, dict(self.stream_options))
        chosen_strategy = strategy(self.strategy, **self.strategy_options)
        chosen = default_network(datasets) if self.network is None else self.network
        architecture: Architecture = NETWORKS.find(chosen)
        normalisation = architecture.normalisation if self.normalisation is None else known(self.normalisation, NORMALISATIONS, "normalisation")
        for name, what in (("order", "the order"), ("seed", "the seed"), ("probe_examples", "the number of probed examples")):
            whole(getattr(self, name), what, 0)
        known(self.scenario, SCENARIOS, "scenario")
        known(self.device, DEVICES, "device")
        if self.execution == "captured":
            check_capturable(chosen_strategy, self.device)
        known(self.evaluate_on, PARTS, "part to evaluate on")
        known(self.scaling, SCALINGS, "scaling of pixels:")
        known(self.first_weights, FIRST_WEIGHTS, "first weights:")
        flag(self.own_parts, "own_parts")
        resolved = {"network": chosen, "normalisation": normalisation}
        resolved |= {name: json_value(dict(getattr(self, name)), name) for name in ("stream_options", "strategy_options")}
        parts = [(STRATEGIES, self.strategy), (NETWORKS, chosen), (STREAMS, kind.kind), *((DATASETS, name) for name in datasets)]
        resolved["own"] = {(kind.what, name): own for kind, name in parts if (own := kind.own(name)) is not None}
        for name, value in resolved.items():
            object.__setattr__(self, name, value)

    def _name_parts(self) -> None:
        """Put names and options in the place of objects."""
        found = {} if isinstance(self.stream, str) else stream_fields(self.stream)
        found |= {} if isinstance(self.strategy, str) else strategy_fields(self.strategy)
        found |= {} if isinstance(self.network, (str, type(None))) else {"network": NETWORKS.name_of(self.network)}
        for name, value in found.items():
            given = getattr(self, name)
            if name in ("stream_options", "strategy_options", "order", "seed") and given not in ({}, 0, value):
                raise InputError(f"{name} is {given!r}, but that of the object given is {value!r}; leave it out, or change the object")
            object.__setattr__(self, name, value)

    def canonical(self) -> dict[str, Any]:
        """Return the configuration in JSON's own types, defaults filled in but for options that came later."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if name not in _LATER or value != _LATER[name]}
        return json_value(values, "configuration")

    @classmethod
    def from_canonical(cls, value: Mapping[str, Any]) -> "RunConfig":
        """Return the configuration that `canonical` has described.

        Raises
        ------
        InputError
            For fields that this version does not have.
        """
        fields = [entry.name for entry in dataclasses.fields(cls)]
        value = {name: entry for name, entry in value.items() if name != FILES}
        for name in value:
            known(name, fields, "field of a configuration")
        return cls(**value)

    def stored(self) -> dict[str, Any]:
        """Return what `canonical` does, and where parts come from that are not driftlaw's."""
        return self.canonical() | ({FILES: self.files} if self.own else {})

    @property
    def files(self) -> dict[str, str]:
        """Where parts come from that are not driftlaw's, for people."""
        return {f"{what} {name}": str(place.source) if isinstance(place, Place) else "memory" for (what, name), place in self.own.items()}

    @property
    def key(self) -> str:
        """Key of the run: equal for equal configurations, also where own parts have the names."""
        return config_key(self.canonical(), described(self.own))

    @property
    def stamp(self) -> dict[str, Any]:
        """Stamp of the code that trains the run (`simulate.work.provenance`), files of own parts by their names."""
        found = dict(training_stamp(*self.modules))
        return {**found, "files": found["files"] | hashes(self.own)[0]}

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules that define strategy and stream, and those of driftlaw that files of own parts import."""
        return (type(self.new_strategy()).__module__, self.stream_parts[0].__module__, *hashes(self.own)[1])

    @property
    def stream_parts(self) -> tuple[type[StreamOptions], tuple[str, ...]]:
        """The kind of the stream and the names of its data sets."""
        kind, datasets = parse_name(self.stream)
        return self.part(STREAMS, kind.kind), datasets

    def new_strategy(self) -> Strategy:
        """Return the strategy, without state."""
        return strategy(self.part(STRATEGIES, self.strategy), **deepcopy(dict(self.strategy_options)))  # a strategy may change its lists

    def part(self, parts: Parts[P], name: str) -> P:
        """Return a part as it was when the configuration was made.

        Raises
        ------
        InputError
            If its module was imported anew since, for then its functions see the new module.
        """
        own = self.own.get((parts.what, name))
        if isinstance(own, Place) and own.source is not None and source_now(own.module, own.source) != own.source:
            raise InputError(f"{own} was imported anew after the configuration was made; make the configuration again")
        return parts.chosen(name, own)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel with the text of own parts' files, which is run again where they are not known."""
        return _received, (vars(self).copy(), self.key)


def _received(values: Mapping[str, Any], key: str) -> RunConfig:
    config = object.__new__(RunConfig)
    vars(config).update(values)
    with LOCK:
        for (what, name), place in config.own.items():
            KINDS[what].receive(name, place)
    if config.key != key:
        raise InputError(f"{', '.join(config.files.values())} makes other parts here than where the run was configured; make them alike in every process")
    return config
