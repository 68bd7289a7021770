"""Faults to plant in samplers, planning and judges, one at a time, each with the tests that have to fail then.

A fault replaces one short text, which stands once in its file. Those that change no result are explained and have to
survive. `test_planted_faults` plants them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Parameters
    ----------
    name : str
        What is wrong then.
    file : str
        Where, from the root of the repository.
    old, new : str
        The text that is right, and what stands in its place.
    why : str
        What would go wrong unseen.
    tests : tuple of str
        Test files or single tests, below tests/, of which one has to fail.
    harmless : bool
        Whether no test can fail, for the reason that ``why`` gives.
    """

    name: str
    file: str
    old: str
    new: str
    why: str
    tests: tuple[str, ...]
    harmless: bool = False


def _faults(file: str, tests: tuple[str, ...], *edits: tuple) -> list[Fault]:
    """Faults of one file and one set of tests; an edit is (name, old, new, why) and may name tests of its own."""
    return [Fault(name, file, old, new, why, own[0] if own else tests) for name, old, new, why, *own in edits]


def _law(*names: str) -> tuple[str, ...]:
    return tuple(f"simulate/test_reduced.py::test_one_law_with_the_direct_sampler[{name}]" for name in names)


def _check(*names: str) -> tuple[str, ...]:
    return tuple(f"simulate/test_check.py::test_{name}" for name in names)


SAMPLER, SOLVERS, FEATURES = (("simulate/test_sampler.py",), ("simulate/test_solvers.py",), ("simulate/test_features.py",))
TRUTHS, STREAMS, SIMULATION = (("simulate/test_truths.py",), ("simulate/test_streams.py",), ("simulate/test_simulation.py",))
EVIDENCE, PLANNING, ORDERS = (("simulate/test_evidence.py",), ("simulate/test_planning.py",), ("theory/test_moments.py",))
FINDINGS = ("simulate/test_robustness.py::test_findings",)
BITS = ("simulate/test_reduced.py::test_bits_depend_on_seed_and_trial_alone",)
MEANING = ("simulate/test_check.py::test_a_seed_means_what_it_meant",)

SAMPLERS = [
    *_faults(
        "simulate/sample/learner.py", SAMPLER,
        ("label noise with its variance for a deviation", "task.noise * self._streams", "task.noise**2 * self._streams", "sigma enters squared twice"),
        ("frozen blocks are no noise", "for block in x) for x, y in samples", "for block in x if block in task.trained) for x, y in samples", "what frozen blocks predict stays in the residual"),
        ("replay draws its samples anew", "stored, stored_labels = self._stored[earlier]", "stored, stored_labels = self._draw(earlier, self._plan.tasks[earlier])", "replay would see fresh data"),
        ("a start from zero starts from the estimate", "zeros_like(theta) if block in task.restarted else theta", "asarray(theta)", "start='zero' would do nothing"),
        ("partial steps are full", "step if scale == 1.0 else scale * step", "step", "scale would do nothing"),
        ("the change of a restarted block is its step", "change += _squared_length(moved - self.theta[block]) if block in task.restarted else step_length", "change += step_length", "update and step would be one quantity"),
        ("errors of the last block alone", "errors[:, t, list(truths.users)] +=", "errors[:, t, list(truths.users)] =", "a risk sums over blocks"),
        ("curvature of the sum of rows", "largest / task.rows", "largest", "descent that converges would be refused", SOLVERS),
        ("slower rules start from zero", "if block in task.restarted else theta for", "if block in task.restarted or hasattr(self._plan.rule, 'lam') else theta for", "ridge would pull to zero, not to the start", SOLVERS),
    ),
    *_faults(
        "simulate/sample/steps.py", SAMPLER,
        ("weights for their roots", "1.0 / math.sqrt(weight)", "1.0 / weight", "blocks would be weighted by lambda^2"),
        ("the dual step without its weight", "[(dual @ block)[:, 0] / weight", "[(dual @ block)[:, 0]", "the step would not fit the data"),
        ("a pseudo-inverse that drops small directions", "cutoff = 10 *", "cutoff = 1e10 *", "near-deficient steps would be too short"),
    ),
    *_faults(
        "simulate/sample/solvers.py", SOLVERS,
        ("a penalty for each row", "1 / (eigenvalues + self.lam)", "1 / (eigenvalues + self.lam * rows)", "another ridge parameter"),
        ("descent on the sum of losses", "self.rate / rows * eigenvalues", "self.rate * eigenvalues", "another rate"),
        ("one step too many where steep", "(1 - progress) ** self.steps", "(1 - progress) ** (self.steps + 1)", "only directions of large curvature show it"),
    ),
    *_faults(
        "simulate/sample/features.py", FEATURES,
        ("a covariance for its root", "(vectors * np.sqrt(values)) @ vectors.T", "(vectors * values) @ vectors.T", "features would have covariance Sigma^2"),
        ("Student's t not of unit variance", "2 / (self.df - 2)", "2 / self.df", "heavy tails would be confused with large features"),
    ),
    *_faults(
        "simulate/sample/truths.py", TRUTHS,
        ("the factor of a Gram matrix transposed", "vectors[:, :kept] * np.sqrt(", "vectors.T[:, :kept] * np.sqrt(", "truths would have other inner products"),
        ("named truths in the order of their names", "return realised[rows]", "return realised[sorted(rows)]", "a task would get another task's truth"),
        ("names do not share their direction", "first_use.setdefault(truth.name, task)", "task", "equal truths would be independent"),
        ("random directions of a cube", "streams.direction(task, block).standard_normal((", "streams.direction(task, block).uniform(-1, 1, (", "diagonals would be likelier", SAMPLER),
        ("a norm squared", "norm * directions[task]", "norm**2 * directions[task]", "truths of another length"),
    ),
    *_faults(
        "simulate/sample/factors.py", _law("few samples", "weights"),
        ("one degree of freedom too many", "freedom = columns - np.arange(width)", "freedom = columns + 1 - np.arange(width)", "lengths outside of the bases would be too large"),
        ("equal degrees of freedom", "freedom = columns - np.arange(width)", "freedom = np.full(width, columns)", "Bartlett's factor loses one a row"),
    ),
    *_faults(
        "simulate/sample/reduced.py", _law("many samples"),
        ("one degree of freedom too few", "n - width - outside.sum() + 1]", "n - width - outside.sum()]", "the noise of full steps would be too large"),
        ("lengths outside with one dimension too many", "chi(self._generator(t, SHARES), outside, self._trials)", "chi(self._generator(t, SHARES), outside + 1, self._trials)", "the same outside of the bases"),
        ("noise with its deviation for a variance", "task.noise**2))", "task.noise))", "s^2 = sigma^2 + squared errors", _law("few samples")),
        ("frozen blocks are no noise", "if block not in task.trained)\n        noise", "if False)\n        noise", "s^2 lacks the errors of frozen blocks", _law("frozen")),
        ("samples without features inside forbid nothing", "q, outside - n + q)", "q, outside)", "n - q directions are not free", _law("at the pole")),
        ("shares of doubled dimensions", "outside / 2.0", "outside / 1.0", "lengths would be divided too evenly", _law("noise on parts")),
        ("lengths of two directions add up", "np.hypot(moved[:, -1:], length)", "moved[:, -1:] + length", "what is orthogonal adds in squares", _law("few samples")),
        ("errors without what is outside", " + np.einsum(\"tk,tk->t\", rest, rest)[:, None]", "", "noise outside of the truths' span is an error too", _law("few samples")),
        ("a change without what is outside", "difference, difference) + length[:, 0] ** 2", "difference, difference)", "updates of restarted blocks would be too short", _law("from zero")),
        ("partial steps are full outside", "scale * inside, scale * length", "scale * inside, length", "a scale holds for the whole step", _law("partial steps")),
        ("stored samples lose their noise", "noise[:, : task.kept].copy()", "0 * noise[:, : task.kept]", "replay would be cleaner than what was seen", _law("replay")),
        ("with replay a start from zero starts from the estimate", "starts.get(block, self.theta[block])", "self.theta[block]", "only restarted blocks with memory show it", _law("replay after restarts")),
        ("errors of the last block alone", "errors[:, t, list(truths.users)] +=", "errors[:, t, list(truths.users)] =", "a risk sums over blocks", _law("few samples")),
    ),
    *_faults(
        "simulate/sample/reduced_plan.py", _law("weights"),
        ("unequal weights take the short way", "task.samples >= trained or len(set(task.weights)) == 1", "True", "weights would do nothing"),
    ),
    *_faults(
        "simulate/sample/coordinates.py", TRUTHS,
        ("random directions inside of the span of the others are those of a cube", "block).standard_normal((trials, self._directions, rank))", "block).uniform(-1, 1, (trials, self._directions, rank))", "directions would not be uniform"),
        ("random directions in one dimension too many", "lower_factor(below, diagonal, trials, self._directions, outside)", "lower_factor(below, diagonal, trials, self._directions, outside + 1)[..., : self.width - rank]", "random truths would be too orthogonal"),
    ),
]  # fmt: skip

SEEDS = [
    *_faults(
        "simulate/sample/streams.py", STREAMS,
        ("equal draws of all tasks", "(self._trial_block, *key)", "(self._trial_block, *key[1:])", "tasks would not be independent"),
        ("equal draws of all blocks of parameters", "(self._trial_block, *key)", "(self._trial_block, *key[:2])", "blocks would not be independent"),
        ("equal draws of all arrays", "(self._trial_block, *key)", "(self._trial_block, key[0], key[2])", "noise would be a feature"),
        ("one generator for the noise of all tasks", "self._generator(task, NOISE, 0)", "self._generator(0, NOISE, 0)", "draws would depend on how trials are batched", SAMPLER),
        ("equal draws of all blocks of trials", "spawn_key=(self._trial_block, *key)", "spawn_key=(0, *key)", "64 trials would count as thousands"),
        ("seeds without their words' number", "words += [len(digits), *digits]", "words += digits", "(1, 2) and 1 + 2 * 2**32 would draw the same"),
        ("heavy tails mixed by the features' own stream", "self._generator(task, MIXING, block)", "self._generator(task, FEATURES, block)", "entries would depend on each other", FEATURES),
        ("label noise of the reduced sampler from its features' stream", "SHARES, ROW_NOISE = range(4, 11)", "SHARES, ROW_NOISE = *range(4, 10), 4", "draws would depend on how trials are batched", BITS),
        ("other blocks of trials", "TRIALS_PER_BLOCK = 64", "TRIALS_PER_BLOCK = 128", "a seed would mean other draws", FEATURES),
    ),
    *_faults(
        "simulate/sample/reduced.py", ("simulate/test_reduced.py::test_a_seed_means_what_it_meant",),
        ("other blocks of trials", "TRIALS_PER_BLOCK = 1024", "TRIALS_PER_BLOCK = 512", "a seed would mean other draws"),
    ),
    *_faults(
        "simulate/sample/batches.py", ("simulate/test_reproducibility.py",),
        ("all blocks of trials are the first", "streams(start // starts.step)", "streams(0)", "64 trials would count as thousands"),
        ("a batch starts its streams anew", "learner = make(shared,", "learner = make(streams(start // starts.step),", "a batch would repeat the trials of the one before"),
    ),
    *_faults(
        "simulate/check.py", _check("cases_phases_and_chunks_have_disjoint_draws"),
        ("a pilot that is judged", "PILOT, JUDGED = 1, 2", "PILOT, JUDGED = 1, 1", "trials would depend on the judged draws"),
        ("the pilot draws what is judged", "sampler, PILOT, settings", "sampler, JUDGED, settings", "the same from its other end"),
        ("one seed for all chunks", "seed = (*stream, chunk)", "seed = (*stream, 0)", "16,384 trials would count as a million"),
        ("one seed for all experiments", "crc32(canonical(sequence_key(seq)).encode())", "0", "cases of a run would not be independent"),
        ("a report that ignores its seed", "(int(settings.seed), phase", "(0, phase", "another seed would be no new evidence", _check("reports_repeat_and_depend_on_the_seed_and_conjectures_on_one_experiment_share_draws")),
        ("other chunks", "CHUNK = 2**14", "CHUNK = 2**13", "a seed would mean other draws", MEANING),
    ),
    *_faults(
        "simulate/calibration.py", ("simulate/test_calibration.py::test_meta_runs_of_other_seeds_share_no_draws",),
        ("calibrations of neighbouring seeds overlap", "job.seed * _SEEDS + run", "job.seed + run", "two calibrations would be one, moved by a run"),
    ),
]  # fmt: skip

PLANS = [
    *_faults(
        "simulate/evidence.py", EVIDENCE,
        ("a deviation without the lost degree of freedom", "values.std(axis=0, ddof=1)", "values.std(axis=0, ddof=0)", "standard errors too small"),
        ("a standard error of one draw less", "/ math.sqrt(count)\n        return", "/ math.sqrt(count - 1)\n        return", "standard errors too large"),
        ("pooling without the gap of the means", " + gap**2 * (self.count * other.count / count)", "", "samples that differ would look precise"),
        ("pooling without the lost degree of freedom", "squares / (count * (count - 1))", "squares / (count * count)", "standard errors too small"),
        ("trials at both ends may be in both samples", "first <= other_last and other_first <= last", "first < other_last and other_first < last", "a trial would count twice"),
        ("one-sided p-values", "math.erfc(abs(float(z)) / math.sqrt(2))", "math.erfc(abs(float(z)) / math.sqrt(2)) / 2", "twice the false alarms"),
        ("one-sided intervals", "upper_quantile((1 - level) / 2) * self.stderr", "upper_quantile(1 - level) * self.stderr", "intervals that miss twice as often"),
        ("a variance in place of its bound", "return variance * math.exp(", "return variance + 0 * math.exp(", "half of all plans would be too small"),
        ("a bound for normal draws alone", "fourth / variance**2 -", "3 -", "plans for skewed draws would be too small"),
        ("a two-sided bound of the variance", "upper_quantile(1 - level) * math", "upper_quantile((1 - level) / 2) * math", "wasted trials"),
        ("skewness over the squared variance", "/ square**1.5", "/ square**2", "skewness would depend on the unit"),
    ),
    *_faults(
        "simulate/planning.py", PLANNING,
        ("a one-sided quantile of false alarms", "settings.false_alarm / (2 * cases)", "settings.false_alarm / cases", "agreeing intervals too narrow"),
        ("false alarms not divided among the cases", "settings.false_alarm / (2 * cases)", "settings.false_alarm / 2", "a large run would raise false alarms"),
        ("a two-sided quantile of power", "upper_quantile(miss),", "upper_quantile(miss / 2),", "a mistake that would be seen is called too small"),
        ("a one-sided quantile of agreement", "upper_quantile(miss / (2 * cases))", "upper_quantile(miss / cases)", "right formulas left undecided"),
        ("a goal for power alone", "max(self.z_power, self.z_agree)", "self.z_power", "right formulas left undecided"),
        ("trials by the standard deviation", "variance / levels.goal(delta) ** 2", "variance / levels.goal(delta)", "too few trials"),
        ("skewness dropped from the plan", "math.ceil(tails), LEAST", "LEAST", "tails of skewed draws are not normal"),
        ("a square for the cube of z", "levels.z_alpha**3", "levels.z_alpha**2", "the same, less visibly"),
        ("batches rounded down", "-(-trials // BATCH)", "(trials // BATCH)", "plans a batch short"),
        ("a least number of one batch", "math.ceil(tails), LEAST_TRIALS", "math.ceil(tails), BATCH", "far tails of few trials are not normal"),
    ),
    *_faults(
        "simulate/check.py", _check("rounding_is_relative_and_adds_in_squares"),
        ("rounding added, not in quadrature", "math.hypot(self.estimate.stderr, self.pilot.rounding)", "self.estimate.stderr + self.pilot.rounding", "independent errors add in squares"),
        ("rounding left out", "math.hypot(self.estimate.stderr, self.pilot.rounding)", "self.estimate.stderr", "rounding would be called a mistake of theory", _check("without_noise_the_threshold_is_testable")),
        ("rounding in absolute terms", "ROUNDING * size", "ROUNDING", "the unit of the truths would decide", _check("rounding_is_relative_and_adds_in_squares")),
        ("an error scale without noise", "errors[:, i, i].mean() + variances[i]", "errors[:, i, i].mean()", "delta means less than it says", _check("the_error_scale_is_the_pilots")),
        ("an error scale after the last task", "errors[:, i, i].mean() + variances[i]", "errors[:, -1, i].mean() + variances[i]", "delta would grow with forgetting", _check("the_error_scale_is_the_pilots")),
        ("the fewest trials of those that share draws", "max(pilot.plan.trials for pilot", "min(pilot.plan.trials for pilot", "the wider target is left undecided", _check("targets_on_one_experiment_all_get_their_trials")),
        ("levels of the first claim alone", "max(len(testable), 1)", "max(len(prepared[0]), 1)", "more claims would raise false alarms", _check("several_conjectures_share_one_error_rate")),
        ("levels count what is not judged", "max(len(testable), 1)", "max(sum(map(len, prepared)), 1)", "promises per judged case would be others", _check("levels_count_what_is_judged")),
        ("delta of the judged sample", "half_width <= sample.pilot.delta", "half_width <= settings.delta * sample.estimate.mean", "what matters would be chosen after the fact", _check("a_right_formula_agrees", "the_error_scale_is_the_pilots")),
    ),
]  # fmt: skip

JUDGES = [
    *_faults(
        "simulate/evidence.py", EVIDENCE,
        ("Holm's factor one too small", "(len(p_values) - np.arange(len(p_values)))", "(len(p_values) - 1 - np.arange(len(p_values)))", "the largest p would never count"),
        ("Bonferroni for Holm", "(len(p_values) - np.arange(len(p_values)))", "len(p_values)", "lost power"),
        ("Holm without the running maximum", "np.maximum.accumulate(steps)", "steps", "a larger p might be rejected before a smaller one"),
        ("Holm's p in sorted order", "adjusted[order] = ", "adjusted[:] = ", "a case would get another's p"),
    ),
    *_faults(
        "simulate/check.py", _check("several_conjectures_share_one_error_rate"),
        ("p-values not adjusted", "holm([p for _, p in scores]).tolist()", "[p for _, p in scores]", "a large run would raise false alarms"),
        ("tails counted once for every target", "if comparison is group[0] and not comparison.outside", "if not comparison.outside", "one sample would count as two"),
        ("agreement takes precedence", "DISAGREE if p_holm <= settings.false_alarm else AGREE if inside", "AGREE if inside else DISAGREE if p_holm <= settings.false_alarm", "small mistakes that show would pass", _check("disagreement_takes_precedence_within_delta")),
        ("undecided cases agree", "AGREE if inside else UNDECIDED", "AGREE", "too few trials would prove anything", _check("too_few_trials_leave_a_case_undecided")),
        ("agreement of the mean alone", "comparison.theory) + half_width <=", "comparison.theory) <=", "too few trials would prove anything", _check("too_few_trials_leave_a_case_undecided")),
        ("agreement at the quantile of power", "half_width = levels.z_alpha", "half_width = levels.z_agree", "agreement would not be simultaneous", _check("levels_count_what_is_judged")),
        ("z of theory minus simulation", "s.estimate.mean - one.theory", "one.theory - s.estimate.mean", "too high would be called too low", _check("planted_mistakes_are_caught")),
    ),
    *_faults(
        "simulate/verdicts.py", _check("tail_rates_by_hand"),
        ("batches without the lost degree of freedom", "values.std(axis=1, ddof=1)", "values.std(axis=1, ddof=0)", "tail rates too high"),
        ("batches measured from their own mean's mean", " / math.sqrt(1 - 1 / batches)", "", "the sample's mean holds a share of each batch"),
        ("a limit that is not its rate's", "TAIL_LIMITS = (1.96, 2.58, 3.29)", "TAIL_LIMITS = (1.96, 2.33, 3.29)", "right samplers would look heavy"),
        ("a difference without error is none", "math.copysign(1e300, difference) if difference else 0.0", "0.0", "exact results could not be wrong", _check("standard_scores")),
        ("undecided counts as agreement", "return UNDECIDED if self.count(UNDECIDED) else AGREE", "return AGREE", "the run's verdict would overstate", _check("family_verdict_and_exit_status")),
        ("one case that is not testable decides", "self.count(NOT_TESTABLE) == len(self.verdicts)", "self.count(NOT_TESTABLE)", "the run's verdict would understate", _check("family_verdict_and_exit_status")),
        ("a law holds on one side", "max(-low, high) <= self.delta_share", "high <= self.delta_share", "laws far too high would hold", FINDINGS),
    ),
    *_faults(
        "simulate/comparison.py", _check("near_the_threshold_nothing_is_testable", "scale_and_moment_order_of_every_target", "the_scale_needs_moments_too"),
        ("moments of order four are enough", "if order > least else", "if order >= least else", "the variance of the variance has to exist"),
        ("a moment order less is asked for", "LEAST_MOMENT_ORDER = 4", "LEAST_MOMENT_ORDER = 3", "normal intervals on heavy tails"),
        ("the scale's moments are not asked for", "_moment_order(orders, target), *tails,", "_moment_order(orders, target),", "an infinite scale makes anything agree"),
        ("the scale of the task after", "return range(t - 1, t)", "return range(t, t + 1)", "delta of another task"),
        ("forgetting is measured by the last task too", "range(t if target.quantity == \"forgetting\" else t + 1)", "range(t + 1)", "delta of another task"),
        ("the lightest tail of a function", "orders.update_magnitude.min()", "orders.update_magnitude.max()", "a target of unknown tails has the heaviest"),
    ),
    *_faults(
        "theory/moments.py", ORDERS,
        ("orders off by one half", "(abs(rows - dimension) + 1) / 2", "(abs(rows - dimension) + 2) / 2", "cases without the moments would be judged"),
        ("partial steps erase the past", "noise if erased else min(start, noise)", "noise", "heavy tails would be overlooked"),
        ("more samples than parameters are needed to erase", "rows >= dimension and task", "rows > dimension and task", "d samples determine the estimate"),
        ("frozen blocks' tails are overlooked", "/ 2, untrained)", "/ 2, math.inf)", "their errors are noise"),
        ("forgetting without the errors before", "min(self.errors[t, i], self.errors[i, i])", "self.errors[t, i]", "a difference has the heavier of two tails"),
    ),
    *_faults(
        "simulate/simulation.py", SIMULATION,
        ("forgetting from the last task's error", "errors[:, before, before]", "errors[:, t, t, None]", "another quantity is judged"),
        ("deviation from the task's own error", "errors[:, t, t - 1]", "errors[:, t - 1, t - 1]", "another quantity is judged"),
        ("unpaired differences", "if self.draws != other.draws or", "if", "their standard errors would be wrong"),
    ),
    *_faults(
        "simulate/calibration.py", ("simulate/test_calibration.py::test_the_right_procedure_keeps_its_promises",),
        ("one-sided limits", "upper_quantile(tail / 2)", "upper_quantile(tail)", "rates twice as high as promised"),
        ("tails of one side counted for the other", "verdict.z < -limit", "verdict.z < limit", "rates near one"),
        ("too high and too low exchanged", "((\"too high\", 1), (\"too low\", -1))", "((\"too high\", -1), (\"too low\", 1))", "the lost power of skewed errors on the wrong side", ("simulate/test_calibration.py::test_too_high_and_too_low_are_the_formulas",)),
    ),
]  # fmt: skip

GROUPS = {"samplers": SAMPLERS, "seeds": SEEDS, "planning": PLANS, "judges": JUDGES}
