"""`driftlaw deep linear`: the training loop on linear models, for comparison with the exact law."""

from dataclasses import dataclass, replace

from deep.bridge import BridgeRecord, bridge_record
from deep.commands.options import RecordsOptions
from simulate.wording import table
from simulate.work.progress import bar
from theory.checks import whole
from theory.errors import InputError
from theory.problem import Task, TaskSequence

BLOCKS = {"shared, kept": 20, "shared, trained": 20, "specific": 60}
NOISE = (0.3, 0.5)
# Shared truths are equal, specific ones of length 1 with a cosine of .6.
GRAM = {"shared, kept": [[0.5, 0.5], [0.5, 0.5]], "shared, trained": [[0.5, 0.5], [0.5, 0.5]], "specific": [[1.0, 0.6], [0.6, 1.0]]}
TRAININGS = (("initialized", {}), ("frozen", {"depth": 2}), ("frozen", {"depth": 1}))


@dataclass(frozen=True)
class LinearCommand(RecordsOptions):
    """Train linear models on two Gaussian tasks to the limit: initialized, partially frozen and frozen; print means and errors.

    As it stands it takes about two minutes on one core; time grows with trials and with the numbers of second samples.
    """

    first_samples: int = 30
    """Samples of the first task."""
    second_samples: tuple[int, ...] = (5, 10, 15, 20, 25, 30, 35, 40)
    """Samples of the second task; every training is repeated for each."""
    trials: int = 1000
    """Independent trials."""
    seed: int = 0
    """Decides the data."""

    def run(self) -> int:
        """Train, print the estimates; return the exit status."""
        if not self.second_samples:
            raise InputError("--second-samples names none, so nothing would be trained; give some")
        whole(self.trials, "the number of trials", 2)  # one has no standard error
        self.check_file()
        jobs = [(samples, *training) for samples in self.second_samples for training in TRAININGS]
        records = [bridge_record(self._experiment(samples), name, options, self.trials, self.seed) for samples, name, options in bar(jobs, unit="training")]
        self.report(records, lambda: _text(records))
        return 0

    def _experiment(self, second: int) -> TaskSequence:
        first = Task(self.first_samples, NOISE[0], dict.fromkeys(BLOCKS, "first"), tuple(BLOCKS))
        return TaskSequence(BLOCKS, (first, replace(first, samples=second, noise=NOISE[1], truth=dict.fromkeys(BLOCKS, "second"))), GRAM)


def _text(records: list[BridgeRecord]) -> str:
    rows = [("n_2", "trains on task 2", *records[0].estimates)]
    for record in records:
        values = (f"{mean:.4f} +- {stderr:.4f}" for mean, stderr in record.estimates.values())
        rows.append((str(record.samples[1]), "; ".join(record.trained[1]), *values))
    return table(rows)
