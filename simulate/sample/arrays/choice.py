"""Which library computes, and how a plan is worked off with it."""

from dataclasses import replace
from typing import Any

import numpy as np

from simulate.sample.arrays.base import Backend
from simulate.sample.arrays.with_numpy import NUMPY, NumPyBackend
from simulate.sample.plan import Plan, TaskPlan
from theory.conditions import MinNorm
from theory.errors import InputError
from theory.problem import TaskSequence

BACKENDS = ("numpy", "torch")
DTYPES = ("float64", "float32")

# In single precision, where A'A has to be a lot better conditioned for normal equations.
MOST_SINGLE_WEIGHTS = 1e3
SLACK_SHARE = 4


def choose_backend(backend: Any, device: Any, dtype: Any) -> Backend:
    """Return the backend that the arguments of `simulate.simulate` name.

    Raises
    ------
    InputError
        If there is none of that name, torch is not installed, or the device is not there.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend is {backend!r}; choose one of {', '.join(BACKENDS)}")
    if dtype not in DTYPES:
        raise InputError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}")
    if backend == "numpy":
        if str(device) != "cpu":
            raise InputError(f"device is {str(device)!r}, but NumPy computes on the CPU alone; take backend='torch' or device='cpu'")
        return NumPyBackend(dtype)
    try:
        from simulate.sample.arrays.with_torch import torch_backend
    except ImportError:
        raise InputError("backend='torch' needs PyTorch, which is not installed; pip install 'driftlaw[torch]', or take backend='numpy'") from None
    return torch_backend(device, dtype)


def check_backend(backend: Backend, method: str, seq: TaskSequence) -> None:
    """Refuse what only NumPy does, in double precision.

    Raises
    ------
    InputError
        For the reduced sampler, other features than standard normal ones and other training rules than least steps.
    """
    if backend == NUMPY:
        return
    for what in [*((f"method={method!r}",) if method not in ("direct", "auto") else ()), *seq.unusual]:
        raise InputError(
            f"{what} runs on NumPy in double precision alone; leave out backend, device and dtype, or take the direct method, "
            "standard normal features and least steps"
        )


def plan_for(backend: Backend, plan: Plan) -> Plan:
    """Return the plan as a backend works it off: what a number takes, and QR where single precision needs it.

    Normal equations cost the square of A's condition, about ``4 n / (d - n)`` near the threshold: with QR below a quarter
    of the rows, where weights differ and with stored samples, five of seven digits stay in most trials.

    Raises
    ------
    InputError
        If weights are too far apart for single precision.
    """
    plan = replace(plan, float_bytes=np.dtype(backend.dtype).itemsize * backend.overhead)
    if backend.dtype == "float64":
        return plan
    for t, task in enumerate(plan.tasks):
        if max(task.weights) > MOST_SINGLE_WEIGHTS * min(task.weights):
            raise InputError(
                f"the weights of task {t} run from {min(task.weights):.3g} to {max(task.weights):.3g}; ratios above "
                f"{MOST_SINGLE_WEIGHTS:.0e} are beyond single precision, so take dtype='float64'"
            )
    return replace(plan, tasks=tuple(_single_precision(plan, task) for task in plan.tasks))


def _single_precision(plan: Plan, task: TaskPlan) -> TaskPlan:
    width = sum(plan.dimensions[block] for block in task.trained)
    near = SLACK_SHARE * abs(task.rows - width) < min(task.rows, width)
    uneven = len(set(task.weights)) > 1 or bool(task.memory)
    asked = isinstance(task.rule, MinNorm) and task.rule.route == "gram"
    return replace(task, route="qr") if task.route == "gram" and not asked and (near or uneven) else task
