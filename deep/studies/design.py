"""What a study of hybrid training consists of: streams, rules with their grids, and the seeds of both phases."""

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
DEVELOP, CONFIRM, EXPLAIN = "develop", "confirm", "explain"
ALL = "all"  # development, then confirmation


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
        Name in `deep.studies.published` of the paper's stream that corresponds.
    """

    label: str
    stream: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scenario: str = "task"
    network: str = "convnet"
    loop: Mapping[str, Any] = field(default_factory=dict)
    published: str | None = None


@dataclass(frozen=True)
class Rule:
    """A hybrid, the options among which development chooses, and its control.

    Parameters
    ----------
    strategy : str
        Name of the strategy and of the rule.
    grid : tuple of mapping
        Candidates: options of the strategy.
    control : {"at random", "as a rate"}
        "at random": the rule's own decisions of the same order and seed, dealt to the tasks in a random order.
        "as a rate": initialized training whose steps after the first task are multiplied by the rule's mean step weight, for
        rules that decide no number of modules; the best fixed depth is a control of theirs as well. Records of this
        control without the option ``rate`` have the first task's steps multiplied too, which handicaps it.
    """

    strategy: str
    grid: tuple[Mapping[str, Any], ...]
    control: str = AT_RANDOM

    def __post_init__(self) -> None:
        known(self.control, CONTROLS, "control of a rule")
        if not self.grid:
            raise InputError(f"the rule {self.strategy} has no candidates; give a grid of options, such as ({{}},) for the defaults")

    @property
    def control_name(self) -> str:
        """Name of the control in tables and records."""
        return f"{self.strategy} {self.control}"

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of all that the rule has to be above, besides both baselines."""
        return (self.control_name,) if self.control == AT_RANDOM else (self.control_name, BEST_DEPTH)

    @property
    def references(self) -> tuple[str, ...]:
        """Names of all that the rule is compared with."""
        return (*BASELINES, self.control_name)


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
        Labels of the streams on which `--explain` measures.

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

    def __post_init__(self) -> None:
        labels, rules = [stream.label for stream in self.streams], [rule.strategy for rule in self.rules]
        for what, names in (("labels of streams", labels), ("rules", rules)):
            if len(set(names)) < len(names) or not names:
                raise InputError(f"the {what} of the preset {self.name} are {names}; give at least one, each once")
        for label in self.explained:
            known(label, labels, "stream to explain")
        seeds = [unit.seed for unit in (*self.development, *self.confirmation)]
        if len(set(seeds)) < len(seeds):
            raise InputError(f"the preset {self.name} uses a seed twice; units are independent, and those of confirmation fresh, only with seeds of their own")
        if len(self.confirmation) < 2 or not self.development:
            raise InputError(f"the preset {self.name} has {len(self.confirmation)} fresh unit(s); intervals need 2, development needs 1")
        whole(self.deals, "the number of random orders", 1)
        between(self.level, "the level", 0.5, 0.9999)

    @property
    def fingerprint(self) -> str:
        """Hash of the whole design."""
        return digest(canonical(json_value(dataclasses.asdict(self), "preset")))
