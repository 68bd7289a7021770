"""Nearest prototypes: samples against the laws, laws against their limits, what is refused."""

import itertools

import numpy as np
import pytest
from scaffold import assert_refused, refusals
from scipy.special import ndtr

from driftlaw import FORMULAS, DomainError
from simulate.sample.prototypes import measure
from theory.prototypes import Classes

DRAWS = 4000
TWO = [Classes(2, d, D, n, 0.7) for d, n, D in itertools.product((1, 2, 7, 60), (1, 4), (0.0, 1.5, 4.0))]
KNOWN = [Classes(K, d, D, None, tau, old) for K, d, D, tau, old in ((2, 1, 1.0, 0.5, 2), (3, 2, 2.0, 0.3, 2), (10, 11, 5.0, 0.5, 3), (40, 39, 4.0, 0.4, 10), (20, 30, 3.0, 1.0, 20))]
RANDOM = [Classes(K, d, D, n, 0.7, K, random=True) for K, d, n, D in itertools.product((3, 12), (1, 2, 9, 50), (1, 5), (2.0, 6.0))]


def laws(classes):
    """Laws of a setting, by the sampler's names."""
    case = {"K": classes.K, "K_0": classes.old, "d": classes.d, "n": classes.n, "D": classes.D, "tau": classes.tau}
    if classes.n is None:
        alone = FORMULAS["known_prototypes_accuracy"](**{**case, "K": classes.old, "tau": 0})
        losses = {"competition": FORMULAS["prototype_competition"](**case), "drift": FORMULAS["prototype_drift"](**case)}
        return losses | {"alone": alone, "among_all": alone - losses["competition"], "drifted": FORMULAS["known_prototypes_accuracy"](**case)}
    law = FORMULAS["random_prototypes_accuracy" if classes.random else "prototype_accuracy"]
    return {"among_all": law(**{**case, "tau": 0}), "drifted": law(**case)}


def scores(settings):
    """z of each estimate; where nothing or all was counted, by the error of a count of one."""
    return [
        (found[name].mean - right) / max(found[name].stderr, 1 / (DRAWS * classes.old) ** 0.5 * (right * (1 - right)) ** 0.5, 1 / (DRAWS * classes.old))
        for seed, classes in enumerate(settings) for found in [measure(classes, DRAWS, seed)] for name, right in laws(classes).items()
    ]  # fmt: skip


@pytest.mark.parametrize("settings", [TWO, KNOWN, RANDOM])
def test_samples_agree_with_the_laws(settings):
    """137 values at 5 standard errors: false alarm 8e-5."""
    assert np.abs(scores(settings)).max() < 5


@pytest.mark.parametrize("change", [{"n": 2}, {"D": 4.4}, {"tau": 0.3}, {"d": 14}])
def test_another_law_is_seen(change):
    """A setting of which one number differs."""
    drawn = {name: measure(Classes(2, 7, 4.0, 1, 0.7), 10 * DRAWS)[name] for name in ("among_all", "drifted")}
    wrong = laws(Classes(**{"K": 2, "d": 7, "D": 4.0, "n": 1, "tau": 0.7, **change}))
    assert max(abs(one.mean - wrong[name]) / one.stderr for name, one in drawn.items()) > 7


def test_limits():
    two, normal, known, random = (FORMULAS[f"{name}_accuracy{end}"] for name, end in (("prototype", ""), ("prototype", "_normal"), ("known_prototypes", ""), ("random_prototypes", "")))
    for K in (2, 7, 400):  # no distance: by chance
        assert [law(K=K, D=0, tau=0.4, d=5, n=3) * K for law in (known, random)] == pytest.approx([1, 1], rel=1e-8)
    assert [law(D=0, tau=0.4, d=5, n=3) for law in (two, normal)] == pytest.approx([0.5, 0.5], abs=1e-14)
    for D, tau in itertools.product((0.5, 3.0, 7.0), (0.0, 0.8)):
        at = {"D": D, "tau": tau}
        assert known(K=2, **at) == pytest.approx(ndtr(D / 2 / np.hypot(1, tau)), abs=1e-12)  # Bayes' rule
        assert [law(**at, d=4, n=10**10) for law in (two, normal)] == pytest.approx([known(K=2, **at)] * 2, abs=1e-8)
        a, b = D * 1.5**0.5, D / np.sqrt(4 * (1 + tau**2) + 2 / 3)
        assert two(**at, d=1, n=3) == pytest.approx(ndtr(a) * ndtr(b) + ndtr(-a) * ndtr(-b), abs=1e-12)  # on a line signs decide
        for d in (100, 400):  # random means end up at equal distances
            assert abs(random(K=6, **at, d=d, n=10**10) - known(K=6, **at)) < 1.2 / d
        far = {"d": 10**10, "n": 2, "tau": tau, "D": D * 300}
        assert two(**far) == pytest.approx(normal(**far), abs=1e-6)
    assert two(D=1e6, d=10**9, n=10**6, tau=3.0) == 1.0 and known(K=10**6, D=80.0, tau=0.0) == pytest.approx(1, abs=1e-10)


def test_the_normal_approximation_is_as_near_as_it_says():
    """Two classes: the statement's sizes, at their worst over distances and samples."""
    for d, error in ((1, 0.041), (20, 0.008), (100, 0.0022)):
        off = [abs(FORMULAS["prototype_accuracy"](d=d, n=n, D=D, tau=0) - FORMULAS["prototype_accuracy_normal"](d=d, n=n, D=D, tau=0)) for n in (1, 3, 20) for D in np.linspace(0, 12, 49)]
        assert 0.8 * error < max(off) < error


def test_old_classes_lose_by_new_ones_and_by_drift_and_no_more():
    classes = Classes(30, 40, 4.0, 3, 0.5, old=10)
    found = measure(classes, 500)
    lost = found["alone"].mean - found["drifted"].mean
    assert lost == pytest.approx(found["competition"].mean + found["drift"].mean, abs=1e-12)
    assert min(found["competition"].mean / found["competition"].stderr, found["drift"].mean / found["drift"].stderr) > 5
    assert_refused(lambda: FORMULAS["prototype_competition"](K_0=5, K=4, D=1.0), "a part of the classes", DomainError)


test_bad_classes = refusals([
    (lambda: Classes(5, 3, 1.0, 2), "5 classes at equal distances need 4 dimensions; d is 3, so give random=True"),
    (lambda: Classes(5, 4, 0.0), "D is 0 and the means are known"),
    (lambda: Classes(5, 4, 1.0, old=6), "old is 6, of 5 classes"),
    (lambda: Classes(5, 4, 1.0, 0), "n, the number of samples of a class, is 0"),
    (lambda: measure(Classes(5, 4, 1.0), 1), "count, the number of draws, is 1"),
])
