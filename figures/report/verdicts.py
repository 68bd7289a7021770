"""What ``driftlaw verify --json`` found, by formula, and how the report words it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from figures.report.prose import pretty
from theory.errors import InputError
from theory.formula import Formula
from theory.formulas import FAMILIES

SCHEMA = 1
NOT_CHECKED = "not checked in this run"
NO_CASES = "no cases to simulate"


@dataclass(frozen=True)
class FamilyVerdict:
    """Verdict on a family of cases: the summary, and (verdict, sentence) of every case."""

    name: str
    verdict: str
    expected: str
    summary: str
    cases: tuple[tuple[str, str], ...]

    @property
    def as_expected(self) -> bool:
        """Whether the check found what the family expects."""
        return self.verdict == self.expected


@dataclass(frozen=True)
class Run:
    """A run of the check: verdicts by family, settings, and the measured tail rates of its z-scores."""

    families: Mapping[str, FamilyVerdict]
    settings: Mapping[str, Any]
    tail_rates: tuple[Mapping[str, Any], ...]


def read_verdicts(path: Path | None) -> Run | None:
    """Read the JSON of a check; None if there is no path.

    Raises
    ------
    InputError
        If the file cannot be read, is no such JSON, or speaks of families that this version does not have.
    """
    if path is None:
        return None
    try:
        return _run(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        problem = f"cannot read the verdicts {path}: {error.strerror or error}"
    except (json.JSONDecodeError, UnicodeDecodeError):
        problem = f"{path} holds no JSON"
    except ValueError as error:
        problem = f"{path} {error}"
    except (KeyError, TypeError, AttributeError) as error:
        problem = f"{path} lacks a field or has one of another kind ({error})"
    raise InputError(f"{problem}; write it with `driftlaw verify --json > FILE`")


def _run(content: Any) -> Run:
    """Take a run from JSON; ValueError says why it does not belong to this version."""
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"is no result of the check in schema {SCHEMA}")
    families = {}
    for entry in content["families"]:
        name = entry["formula"]
        rows = [row for row in content["rows"] if row["formula"] == name]
        if name not in FAMILIES:
            raise ValueError(f"has the family {name!r}, which this version does not have")
        if [_numbers(row["case"]) for row in rows] != [_numbers(case) for case in FAMILIES[name].cases]:
            raise ValueError(f"was made for other cases of {name!r} than this version has")
        cases = tuple((row["verdict"], row["sentence"]) for row in rows)
        families[name] = FamilyVerdict(name, entry["verdict"], entry["expected"], entry["summary"], cases)
    return Run(families, content["settings"], tuple(content["tail_rates"]))


def _numbers(case: Mapping[str, Any]) -> dict[str, float]:
    """Single numbers of a case, by which it is recognised."""
    return {key: float(value) for key, value in case.items() if isinstance(value, (int, float))}


def of_formula(run: Run | None, formula: Formula) -> list[FamilyVerdict]:
    """Verdicts of a run on all families of a formula."""
    names = [name for name, family in FAMILIES.items() if family.formula.name == formula.name]
    return [run.families[name] for name in names if name in run.families] if run else []


def chip(run: Run | None, formula: Formula) -> str:
    """Write the verdict on a formula in a few words, as HTML."""
    found = of_formula(run, formula)
    if not found:
        known = any(family.formula.name == formula.name for family in FAMILIES.values())
        return f'<span class="chip unchecked">{NOT_CHECKED if known else NO_CASES}</span>'
    words = []
    for family in found:
        place = f"{family.name}: " if len(found) > 1 else ""
        words.append(place + family.verdict + (", as expected" if family.as_expected and family.expected != "agree" else ""))
    good = all(family.as_expected for family in found)
    return f'<span class="chip {"good" if good else "bad"}">{"✓" if good else "✗"} {escape("; ".join(words))}</span>'


def details(run: Run | None, formula: Formula) -> str:
    """Write every case's sentence, folded; empty if nothing was checked."""
    found = of_formula(run, formula)
    if not found:
        return ""
    count = sum(len(family.cases) for family in found)
    blocks = [
        f"<p>{pretty(_spoken(family.summary))}. {pretty(FAMILIES[family.name].note)}.</p><ul>"
        + "".join(f"<li>{pretty(_spoken(sentence))}</li>" for _, sentence in family.cases)
        + "</ul>"
        for family in found
    ]
    return f"<details><summary>Check against simulation: {count} {'case' if count == 1 else 'cases'}</summary>{''.join(blocks)}</details>"


def overview(run: Run | None) -> str:
    """Write what the run as a whole found, as HTML."""
    if run is None:
        return (
            f"<p>The formulas were {NOT_CHECKED}: the page was built without verdicts. "
            "<code>driftlaw verify</code> checks them against simulation.</p>"
        )
    unexpected = [family.name for family in run.families.values() if not family.as_expected]
    cases = sum(len(family.cases) for family in run.families.values())
    measured = [rate for rate in run.tail_rates if rate["rate"] is not None]
    words = {True: "consistent with", False: "not consistent with", None: "beside"}  # older verdicts do not say
    rates = ", ".join(
        f"{rate['rate']:.4f} ± {rate['stderr']:.4f} beyond {rate['beyond']}, {words[rate.get('consistent')]} the nominal {rate['nominal']}" for rate in measured
    )
    return (
        f"<p>{len(run.families)} families of formulas were checked against simulation in {cases} cases; "
        + (f"<strong>not as expected: {escape(', '.join(unexpected))}</strong>. " if unexpected else "all came out as expected. ")
        + f"Probability of calling any correct formula of the run wrong: {scientific(run.settings['false_alarm'])}."
        + (f" Measured rates of z-scores: {rates}." if rates else "")
        + "</p>"
    )


def scientific(value: float) -> str:
    """Write a small number as a multiple of a power of ten, in HTML."""
    factor, _, power = f"{value:.3g}".partition("e")
    if not power:
        return factor
    return f"{'' if factor == '1' else factor + ' × '}10<sup>{str(int(power)).replace('-', '−')}</sup>"


def _spoken(text: str) -> str:
    """Put a case's ``name=value`` apart, so that names are set as symbols."""
    return text.replace("=", " = ")
