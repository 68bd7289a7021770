"""A study as data: streams, arms with the options among which development chooses, units, what is decided, and what it may cost."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulate.work.keys import canonical, digest, json_value
from theory.checks import between, known, whole
from theory.errors import InputError

INITIALIZED, FROZEN, BEST_DEPTH = BASELINES = ("initialized", "frozen", "best depth")
DEFAULT_DEPTH = 2  # of frozen training: head and last stage
AT_RANDOM, AS_RATE = CONTROLS = ("at random", "as a rate")
HYBRID, REGIMES, MEMORY = STUDIES = ("hybrid", "regimes", "memory")
POWER, DEVELOP, CONFIRM, ALL, EXPLAIN = PHASES = ("power", "develop", "confirm", "all", "explain")
COMMON = " common"  # ends the name of an arm whose option is one for all regimes
_LATER = {"method": "", "regime": 0, "study": HYBRID, "effect": 0.02}  # fields that older fingerprints lack, with what was so before

Candidates = Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]]  # by arm: strategies and their options


class Unit(NamedTuple):
    """An independent repetition: order and seed of the stream; the seed decides first weights and batches too."""

    order: int
    seed: int


@dataclass(frozen=True)
class StudyStream:
    """A stream as the study trains on it.

    Parameters
    ----------
    label : str
        Short name, unique in the preset.
    stream : str
        Kind and data set, as `deep.streams.stream` takes them.
    options : mapping
        Of the stream.
    scenario : {"task", "domain", "class"}
    network : str
    loop : mapping
        Of `deep.training.options.LoopOptions`.
    published : str, optional
        Name in `deep.studies.presets.PUBLISHED` of the paper's stream that corresponds.
    """

    label: str
    stream: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scenario: str = "task"
    network: str = "convnet"
    loop: Mapping[str, Any] = field(default_factory=dict)
    published: str | None = None

    @property
    def stages(self) -> int:
        """Number of stages of the network."""
        from deep.networks.registry import build

        return len(build(self.network, (32, 32, 3), (2,)).stages)


@dataclass(frozen=True)
class Rule:
    """An arm whose options development chooses, such as a hybrid, and its control.

    Parameters
    ----------
    strategy : str
    grid : tuple of mapping
        Candidates: options of the strategy, and of `deep.training.options.LoopOptions` where they differ from the stream's. Those of one
        method in several regimes correspond by their places.
    control : {"at random", "as a rate"}
        Of a hybrid. "at random": the rule's own decisions of the same order and seed, dealt to the tasks in another order at random.
        "as a rate": initialized training whose steps after the first task are multiplied by the rule's mean step weight, for
        rules that decide no number of modules; the best fixed depth is a control of theirs as well. Records of this
        control without the option ``rate`` have the first task's steps multiplied too, a handicap: being above it supports nothing.
    method : str
        Name in tables; default the strategy's.
    regime : int
        Number of the regime, such as the trainable depth; 0 where there are none.
    """

    strategy: str
    grid: tuple[Mapping[str, Any], ...]
    control: str = AT_RANDOM
    method: str = ""
    regime: int = 0

    def __post_init__(self) -> None:
        known(self.control, CONTROLS, "control of a rule")
        if not self.grid:
            raise InputError(f"the rule {self.strategy} has no candidates; give a grid of options, such as ({{}},) for the defaults")

    @property
    def label(self) -> str:
        """Name of the method, in every regime."""
        return self.method or self.strategy

    @property
    def name(self) -> str:
        """Name of the arm."""
        return f"{self.label} R{self.regime}" if self.regime else self.label

    @property
    def control_name(self) -> str:
        """Name of the control in tables and records."""
        return f"{self.name} {self.control}"


@dataclass(frozen=True)
class Preset:
    """Design of a study.

    Parameters
    ----------
    name : str
    streams : tuple of StudyStream
    rules : tuple of Rule
    development, confirmation : tuple of Unit
        Repetitions on validation data, and fresh ones on test data.
    deals : int
        Random orders of a rule's decisions that its control averages in each unit.
    level : float
        Of the simultaneous intervals.
    explained : tuple of str
        Labels of the streams on which the phase "explain" measures.
    study : {"hybrid", "regimes", "memory"}
        What is decided. hybrid: whether a rule is above both trainings and its controls. regimes: whether the best method changes
        from the first regime to the last. memory: which arms differ.
    effect : float
        Smallest difference in Avg.Acc worth finding, a share; a null that could not see it is undecided.
    spread : float
        Standard deviation of a paired difference over units, as foreseen before anything is trained.
    seconds : float
        Of one run on one core, as foreseen; the cost table rests on it.

    Raises
    ------
    InputError
        If labels or seeds are used twice, or units do not suffice for intervals.
    """

    name: str
    streams: tuple[StudyStream, ...]
    rules: tuple[Rule, ...]
    development: tuple[Unit, ...]
    confirmation: tuple[Unit, ...]
    deals: int = 1
    level: float = 0.95
    explained: tuple[str, ...] = ()
    study: str = HYBRID
    effect: float = 0.02
    spread: float = 0.03
    seconds: float = 2.0

    def __post_init__(self) -> None:
        labels, rules = [stream.label for stream in self.streams], [rule.name for rule in self.rules]
        for what, names in (("labels of streams", labels), ("rules", rules)):
            if len(set(names)) < len(names) or not names:
                raise InputError(f"the {what} of the preset {self.name} are {names}; give at least one, each once")
        for label in self.explained:
            known(label, labels, "stream to explain")
        known(self.study, STUDIES, "study")
        if self.study == REGIMES and len({rule.regime for rule in self.rules}) < 2:
            raise InputError(f"the preset {self.name} has one regime; a change of the best method needs two")
        for label in {rule.label for rule in self.rules if rule.regime}:
            if len({len(rule.grid) for rule in self.rules if rule.label == label}) > 1:
                raise InputError(f"the grids of {label} in the preset {self.name} are of several lengths; those of its regimes correspond by their places")
        seeds = [unit.seed for unit in (*self.development, *self.confirmation)]
        if len(set(seeds)) < len(seeds):
            raise InputError(f"the preset {self.name} uses a seed twice; units are independent, and those of confirmation fresh, only with seeds of their own")
        if len(self.confirmation) < 2 or not self.development:
            raise InputError(f"the preset {self.name} has {len(self.confirmation)} fresh unit(s); intervals need 2, development needs 1")
        whole(self.deals, "the number of random orders", 1)
        between(self.level, "the level", 0.5, 0.9999)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why confirmation is less fresh than it seems; such a design is judged by its orders, and not developed again."""
        seen, fresh, count = {unit.order for unit in self.development}, {unit.order for unit in self.confirmation}, len(self.confirmation)
        found = {f"{len(seen & fresh)} of its {len(fresh)} orders are used in development": seen & fresh, f"its {count} units have {len(fresh)} orders": len(fresh) < count}
        return tuple(fault for fault, holds in found.items() if holds)

    @property
    def fingerprint(self) -> str:
        """Hash of the whole design."""
        value = dataclasses.asdict(self)
        value["rules"] = [_older(rule) for rule in value["rules"]]
        del value["spread"], value["seconds"]  # foresight
        return digest(canonical(json_value(_older(value), "preset")))

    def arms(self, stream: StudyStream) -> Candidates:
        """Return the arms that are trained on a stream, each with its candidates."""
        found = {rule.name: tuple((rule.strategy, options) for options in rule.grid) for rule in self.rules}
        if self.study != HYBRID:
            return found
        depths = [(FROZEN, {"depth": depth}) for depth in range(1, stream.stages)]
        frozen = (FROZEN, {"depth": min(DEFAULT_DEPTH, stream.stages)})
        return {INITIALIZED: ((INITIALIZED, {}),), FROZEN: (frozen,), BEST_DEPTH: ((INITIALIZED, {}), *depths), **found}


def _older(value: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what later versions added, where it is as it was before."""
    return {name: entry for name, entry in value.items() if name not in _LATER or entry != _LATER[name]}
