"""What a study has reached, for people and programs: cost and power before anything is trained, then tables, verdicts and what could be seen."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import t as student

from deep.records import to_json
from deep.studies import foresight
from deep.studies.design import AS_RATE, CONFIRM, HYBRID, REGIMES, Preset
from deep.studies.presets import PUBLISHED
from deep.studies.protocol import Protocol, choose
from deep.studies.records import METRICS, StudyRun, UnitEffects
from deep.studies.regimes import TUNINGS, Values, all_pairs, decide, depth_effects, foreseen, measured, norms
from deep.studies.statistics import DECIDING, POWER, Comparison, Results, Verdict, comparisons, detectable, interval_text, power, signed, verdicts
from simulate.evidence import Estimate
from simulate.wording import table

_LEVEL = 0.95  # of the intervals of single means


@dataclass(frozen=True)
class Study:
    """What a study has reached: its protocol, its runs, once confirmed comparisons and verdicts, and what explains them."""

    preset: Preset
    protocol: Protocol | None = None
    runs: tuple[StudyRun, ...] = ()
    explanation: tuple[UnitEffects, ...] = ()

    @property
    def results(self) -> Results:
        """Runs of the confirmation."""
        return Results(run for run in self.runs if run.phase == CONFIRM)

    def compared(self) -> list[Comparison]:
        """Return the comparisons of rules with baselines and controls."""
        return comparisons(self.results, self.preset.rules, self.preset.level) if self.preset.study == HYBRID else []

    def judged(self) -> list[Verdict]:
        """Return all verdicts."""
        if self.preset.study != REGIMES or not self.results.streams:
            return verdicts(self.compared(), self.preset.rules, self.preset.effect)
        design, found = self.preset, []
        for suffix in TUNINGS:
            values, images = self.read(suffix)
            decided = decide(foreseen(design, self.protocol, suffix), values, design.effect, design.level, images, len(design.confirmation))
            found += [dataclasses.replace(entry, rule=entry.rule + suffix, sentence=f"{TUNINGS[suffix]} options: {entry.sentence}") for entry in decided]
        return found

    def read(self, suffix: str = "") -> tuple[dict[str, Values], dict[str, Values]]:
        """Return by stream Avg.Acc by method and regime in every unit, and what groups of test images added; the latter where all records tell."""
        whole = all(run.images or not run.finished for run in self.runs if run.phase == CONFIRM)
        return tuple({stream: measured(self.preset, self.results, stream, suffix, what) for stream in self.results.streams if told}
                     for what, told in ((lambda run: run.metric(DECIDING), True), (lambda run: run.images, whole)))  # fmt: skip

    def pairs(self) -> list[dict[str, Any]]:
        """Return the pairs of methods that differ, of all at once; in regimes with each one's own options, and with options common to all."""
        found = []
        for suffix in {HYBRID: (), REGIMES: TUNINGS}.get(self.preset.study, ("",)):
            values, images = self.read(suffix)
            found += [{"stream": stream, "options": TUNINGS[suffix], **row}
                      for stream, own in values.items() for row in all_pairs(own, self.preset.level, images.get(stream, {}))]  # fmt: skip
        return found

    def text(self) -> str:
        """Return what a person reads."""
        results, parts = self.results, [cost_text(self.preset)]
        if self.protocol is not None:
            parts.append(protocol_text(self.preset, self.protocol))
        parts += [_stream_table(self.preset, results, stream) for stream in results.streams]
        if compared := self.compared():
            words = (
                f"Avg.Acc in points; intervals hold together for all {len(compared)} comparisons at {100 * self.preset.level:g} % (paired Student intervals "
                "over orders and, where records tell them, test images; Bonferroni); P: probability of being above in an order, with its own 95 % "
                f"interval; seen: what would have been found with probability {POWER}; rate: steps after the first task at the rule's mean step weight"
            )
            rows = [("stream", "rule", "minus", "difference", "P", "seen"), *map(_row, compared)]
            parts.append(f"{words}\n{table(rows)}")
        if self.preset.study == HYBRID and results.streams:
            choices = [(name, foresight.second_tasks(results, own)) for name, own in [*((stream, [stream]) for stream in results.streams), ("all", results.streams)]]
            rows = [foresight.HEADER, *(foresight.row(name, found) for name, found in choices if len(found.order) > 1)]
            parts.append(f"what the score foresaw in the second task on the test part; in brackets the 95 % interval over orders, then what would have been seen\n{table(rows)}")
        if self.preset.study != HYBRID and results.streams:
            rows = [("stream", "options", "regime", "better", "other", "difference", "P")]
            rows += [(*map(str, list(row.values())[:5]), signed(row["difference"]), _wins(row["wins"])) for row in self.pairs()]
            parts.append(f"pairs of methods that differ, of all pairs and regimes at once (sign flips of whole units and of groups of test images)\n{table(rows)}")
        if self.preset.study == REGIMES and results.streams:
            rows, (values, images) = [("stream", "method", "last regime minus first", "P")], self.read()
            for stream, own in values.items():
                rows += [(stream, name, "{} [{}, {}]".format(*map(signed, numbers)), _wins(wins)) for name, *numbers, wins in depth_effects(own, images.get(stream, {}))]
            parts.append(f"what depth is worth, Avg.Acc in points with Student's 95 % interval\n{table(rows)}")
            rows = [("stream", "regime", "update norm", "its correlation with forgetting")]
            found = [(stream, *row) for stream in results.streams for row in norms(self.preset, results, stream)]
            rows += [(stream, str(regime), f"{norm:.3g}", f"{r:+.2f} [{low:+.2f}, {high:+.2f}]") for stream, regime, norm, r, low, high in found]
            parts.append(table(rows))
        if judged := self.judged():
            counts = [f"{sum(entry.verdict == verdict for entry in judged)} {verdict}" for verdict in dict.fromkeys(entry.verdict for entry in judged)]
            parts.append("\n".join(["verdicts", *(f"  {verdict.sentence}" for verdict in judged), "", ", ".join(counts)]))
        return "\n\n".join([*parts, *([explanation_text(self.explanation)] if self.explanation else [])])

    def json(self) -> dict[str, Any]:
        """Return what a program reads; shares, not points."""
        results, kept = self.results, ("stream", "rule", "reference", "failed", "fault")
        means = [(stream, arm, {metric: results.estimate(stream, arm, metric) for metric in METRICS}) for stream in results.streams for arm in results.arms(stream)]
        return {
            "preset": self.preset.name,
            "protocol": self.protocol and dataclasses.asdict(self.protocol),
            "means": [{"stream": stream, "arm": arm, **{name: value and [value.mean, value.stderr] for name, value in found.items()}} for stream, arm, found in means],
            "comparisons": [{name: value for name, value in _numbers(entry).items() if entry.difference or name in kept} for entry in self.compared()],
            "pairs": self.pairs(),
            "verdicts": [dataclasses.asdict(verdict) for verdict in self.judged()],
            "explanation": [to_json(record) for record in self.explanation],
        }


def cost_text(preset: Preset) -> str:
    """Return what the study trains and what that costs, and what it can see, before anything is trained."""
    hybrid, regimes, orders = preset.study == HYBRID, preset.study == REGIMES, len({unit.order for unit in preset.confirmation})
    controls = sum(1 if rule.control == AS_RATE else preset.deals for rule in preset.rules) if hybrid else len(preset.rules) if regimes else 0
    rows, minutes = [("stream", "development runs", "confirmation runs", "minutes of a core")], 0.0
    for stream in preset.streams:
        arms = preset.arms(stream)
        counts = len({str(entry) for entries in arms.values() for entry in entries}) * len(preset.development), (len(arms) + controls) * len(preset.confirmation)
        minutes += (own := sum(counts) * preset.seconds / 60)
        rows.append((stream.label, *map(str, counts), f"{own:.0f}"))
    family = 8 * len(preset.rules) if hybrid else 1 if regimes else len(preset.rules) * (len(preset.rules) - 1)
    tail, stderr = (1 - preset.level) / (family * len(preset.streams)), preset.spread / orders**0.5
    seen, chance = detectable(tail, orders - 1) * stderr, power(preset.effect / stderr, tail, orders - 1) ** (2 if regimes else 1)
    return "\n".join([
        table(rows), f"cost: about {minutes:.0f} minutes of one core at {preset.seconds:g} s a run; finished runs are not trained again",
        f"power: with {orders} orders and a standard deviation of {100 * preset.spread:g} points between them, {signed(seen)} is seen with probability {POWER}; "
        f"the {signed(preset.effect)} worth finding{', on both sides of a swap,' if regimes else ''} with {chance:.2f}{' once development has named the right two methods' if regimes else ''}",
        *(f"not fresh: {fault}" for fault in preset.faults),
    ])  # fmt: skip


def protocol_text(preset: Preset, protocol: Protocol) -> str:
    """Return what development chose, with what it measured on validation data."""
    rows = [("stream", "arm", "chosen", "validation Avg.Acc")]
    for stream in preset.streams:
        for arm, entry in choose(preset, stream, protocol.tried[stream.label]).items() if stream.label not in protocol.absent else ():
            options = ", ".join(f"{name}={value}" for name, value in entry.options.items())
            rows.append((stream.label, arm, f"{entry.strategy} {options}", f"{100 * entry.average_accuracy:.2f}"))
    absent = [f"left out: {label}, {reason} (`driftlaw deep data` says what to put where)" for label, reason in protocol.absent.items()]
    return "\n".join([f"development of {protocol.preset}, {len(preset.development)} units each", table(rows), *absent])


def explanation_text(effects: Sequence[UnitEffects]) -> str:
    """Return scores, benefits and depths task by task, and what schedules and rules reached."""
    rows = [("stream", "order", "seed", "task", "score", "benefit of all stages, points", "best depth", "chosen by rule")]
    reached = [("stream", "order", "seed", "schedules", *effects[0].reached)]
    for unit in effects:
        names = (unit.stream, str(unit.order), str(unit.seed))
        for task, best in enumerate(unit.best_depths() or ["-"] * len(unit.scores)):
            chosen = ", ".join(f"{rule} {depths[task]}" for rule, depths in unit.chosen.items())
            rows.append((*names, str(task + 2), f"{unit.scores[task]:+.3f}", signed(unit.benefit[task]), str(best), chosen))
        reached.append((*names, f"{unit.schedules}{' (all)' if unit.exhaustive else ''}", *(f"{100 * value:.2f}" for value in unit.reached.values())))
    return f"{table(rows)}\n\nvalidation Avg.Acc in %, by schedule\n{table(reached)}"


def _stream_table(preset: Preset, results: Results, label: str) -> str:
    stream = next(stream for stream in preset.streams if stream.label == label)
    rows = [("", "Avg.Acc %", "Task.Acc %", "Forgetting %")]
    rows += [(arm, *(_cell(results.estimate(label, arm, metric)) for metric in METRICS)) for arm in results.arms(label)]
    for name, (task, average, forgetting) in PUBLISHED.get(stream.published or "", {}).items():
        rows.append((f"published: {name}", *(f"{value:.2f}" for value in (average, task, forgetting))))
    other = "; published: another network and training" if stream.published else ""
    words = f"means on the test part with the half width of Student's {100 * _LEVEL:.0f} % interval over orders{other}"
    return f"{label} ({stream.network}, {stream.scenario}-incremental); {words}\n{table(rows)}"


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "failed"
    return f"{100 * estimate.mean:.2f} +- {100 * student.ppf((1 + _LEVEL) / 2, estimate.count - 1) * estimate.stderr:.2f}"


def _row(entry: Comparison) -> tuple[str, ...]:
    what = (entry.stream, entry.rule, entry.reference)
    if entry.difference is None:
        return (*what, f"{entry.failed} failed" if entry.failed else entry.fault, "-", "-")
    return (*what, interval_text(entry), _wins(entry.wins), signed(entry.detectable))


def _numbers(entry: Comparison) -> dict[str, Any]:
    return {**vars(entry), "difference": entry.difference and [entry.difference.mean, entry.difference.stderr]}


def _wins(wins: Sequence[float]) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(*wins)
