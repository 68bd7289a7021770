"""An ordering as a lemma: starting from the previous estimate forgets less than freezing the shared parameters.

    driftlaw check examples/initialized_forgets_less.py

Both experiments see the same data in every trial, which makes their difference far more precise than either mean.
"""

from driftlaw import frozen, initialized

quantity = "forgetting"
delta = 0.1
relation = "<="  # of the quantity under `build` to the same under `against`


def setting(rho, noise):
    truths = {"shared": [[1, rho], [rho, 1]], "specific": [[1, 0], [0, 1]]}  # inner products of the two tasks' truths
    return {"blocks": {"shared": 20, "specific": 30}, "samples": (15, 10), "noise": noise, "gram": truths}


def build(rho, noise):
    return initialized(**setting(rho, noise))


def against(rho, noise):
    return frozen(**setting(rho, noise))


grid = {"rho": [0.0, 0.4, 0.8], "noise": [0.3]}
