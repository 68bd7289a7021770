"""What a store keeps of a sweep's points: the chunks that are done, stamped with the code that drew them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulate.sample.streams import NUMERICS
from simulate.sweeps.chunks import chunks_of
from simulate.sweeps.tally import Tally
from simulate.work.keys import canonical, digest
from simulate.work.provenance import differences, equal, joined, same_processor
from simulate.work.store import RunStore


@dataclass(frozen=True, eq=False)
class Found:
    """Chunks of a point in a store, with the stamp of the code that drew them; None from before stamps."""

    stamp: Mapping[str, Any] | None
    chunks: Mapping[int, Mapping[str, Tally]]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Found":
        """Read a record; older ones hold the chunks alone."""
        chunks = stored.get("chunks", stored)
        return cls(stored.get("stamp"), {int(chunk): _tallies(values) for chunk, values in chunks.items()})

    def sample(self, own: Iterable[str]) -> dict[tuple[int, int], tuple[str, ...]]:
        """Return what a check computes: quantities by chunk and trials, each in the first chunk that has it.

        Of the user's own quantities only ``own`` are known.
        """
        wanted: dict[tuple[int, int], tuple[str, ...]] = {}
        seen: set[str] = set()
        for chunk, tallies in sorted(self.chunks.items()):
            for quantity in tallies.keys() - seen:
                if "#" not in quantity or quantity in own:
                    place = (chunk, tallies[quantity].count)
                    wanted[place] = (*wanted.get(place, ()), quantity)
                seen.add(quantity)
        return wanted

    def gives(self, again: Mapping[int, Mapping[str, Tally]], today: Mapping[str, Any]) -> bool:
        """Say whether all that was computed again is what is stored."""
        pairs = [
            (list(vars(self.chunks[chunk][quantity]).values()), list(vars(tally).values()))
            for chunk, tallies in again.items()
            for quantity, tally in tallies.items()
        ]
        exact = same_processor(self.stamp, today)
        return bool(pairs) and all(equal(stored, computed, exact) for stored, computed in pairs)


class PointRecord:
    """The chunks of a point that are done, kept in a store if there is one.

    Parameters
    ----------
    key : str
        Of the point.
    store : RunStore, optional
    today : mapping
        Stamp of this process.
    others : sequence of str
        Keys under which the store holds chunks of the same point by other code.
    """

    def __init__(self, key: str, store: RunStore | None, today: Mapping[str, Any], others: Sequence[str] = ()) -> None:
        self._key, self._store, self._stamp = key, store, dict(today)
        self._chunks: dict[int, dict[str, Tally]] = {}
        self._adopted: Mapping[str, Any] | None = None
        self.doubtful: list[Found] = []
        stored = None if store is None else store.get(key)
        if stored is not None and not differences(stored["stamp"], today):
            self._take(Found.of(stored))
        elif store is not None:
            found = [Found.of(one) for one in (stored, *map(store.get, others)) if one]
            self.doubtful = sorted(found, key=lambda one: -len(one.chunks))

    def adopt(self, found: Found, again: Mapping[int, Mapping[str, Tally]]) -> None:
        """Take in what is stored by other code, as far as quantities were compared; stamp it anew."""
        compared = {quantity for tallies in again.values() for quantity in tallies}
        kept = {chunk: {quantity: tally for quantity, tally in tallies.items() if quantity in compared} for chunk, tallies in found.chunks.items()}
        self._adopted = found.stamp
        self._take(Found(found.stamp, kept))

    def missing(self, quantities: Iterable[str], trials: int, method: str) -> list[tuple[int, int]]:
        """Return the chunks of a sample, with their trials, that are not done yet."""
        chunks = chunks_of(trials, method)
        return [(chunk, count) for chunk, count in chunks if not self._has(chunk, count, quantities)]

    def known(self) -> tuple[str, ...]:
        """Named quantities that some chunk holds; what is computed again is computed for all of them."""
        names = (quantity for tallies in self._chunks.values() for quantity in tallies if "#" not in quantity)
        return tuple(dict.fromkeys(names))

    def add(self, chunk: int, tallies: dict[str, Tally], stamp: Mapping[str, Any]) -> None:
        """Take in a chunk, in place of one with other trials or fewer quantities, and its processor."""
        self._chunks[chunk] = tallies
        self._stamp = joined(stamp, self._stamp)

    def save(self) -> None:
        """Store what is there beside what others have stored; of every quantity the larger sample stays."""
        if self._store is not None:
            self._store.update(self._key, self._merged)

    def tally(self, quantity: str, trials: int, method: str) -> Tally:
        """Merge a sample's chunks, in their order."""
        merged, *rest = (self._chunks[chunk][quantity] for chunk, _ in chunks_of(trials, method))
        for tally in rest:
            merged = merged.merge(tally)
        return merged

    def _has(self, chunk: int, trials: int, quantities: Iterable[str]) -> bool:
        done = self._chunks.get(chunk, {})
        return all(quantity in done and done[quantity].count == trials for quantity in quantities)

    def _take(self, found: Found) -> None:
        self._chunks = {chunk: dict(tallies) for chunk, tallies in found.chunks.items()}
        self._stamp = joined(found.stamp or {"processor": "unknown"}, self._stamp)

    def _merged(self, stored: dict[str, Any] | None) -> dict[str, Any]:
        stamp = stored and stored["stamp"]
        if self._store is not None and stamp and differences(stamp, self._stamp) and stamp != self._adopted:  # by other code: aside
            self._store.put(f"{self._key}-{digest(canonical(stamp))[:24]}", stored)
            stored = None
        merged = dict(stored["chunks"]) if stored else {}
        for chunk, tallies in self._chunks.items():
            known = merged.setdefault(str(chunk), {})
            for quantity, tally in tallies.items():
                if quantity not in known or known[quantity][0] <= tally.count:
                    known[quantity] = [tally.count, tally.mean, tally.squares, tally.scale]
        stamp = joined(stored["stamp"] if stored else self._stamp, self._stamp)
        return {"stamp": stamp, "chunks": dict(sorted(merged.items(), key=lambda entry: int(entry[0])))}


def record_key(problem: str) -> str:
    """Return the key of a point's record: experiment, sampling and numerics version."""
    return f"{problem}-v{NUMERICS}"


def keys_by_point(store: RunStore | None) -> Callable[[str], list[str]]:
    """Return a function that gives the keys of all records of a point by other code, of its own key."""
    others: dict[str, list[str]] = {}
    for name in sorted(store.keys() if store is not None else ()):
        problem, _, rest = name.partition("-")
        version, dash, _ = rest.partition("-")
        if dash or not version.startswith("v"):  # set aside, or of the time when the key named the code
            others.setdefault(f"{problem}-{version}" if dash else record_key(problem), []).append(name)
    return lambda key: others.get(key, [])


def _tallies(values: Mapping[str, Sequence[Any]]) -> dict[str, Tally]:
    return {quantity: Tally(*numbers) for quantity, numbers in values.items()}
