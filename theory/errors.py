"""Errors that driftlaw raises on purpose; each message names the value, the reason and the remedy."""

import re


class DriftlawError(ValueError):
    """Base of all deliberate errors; command lines turn it into exit status 2.

    Examples
    --------
    >>> import driftlaw as dl
    >>> try:
    ...     dl.StudentT(2)
    ... except dl.DriftlawError as error:
    ...     print(error.code)
    input-error
    """

    @property
    def code(self) -> str:
        """What a program may tell the kind of error by: the name of its class, as ``--json`` gives it; stays as it is."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(self).__name__).lower()


class InputError(DriftlawError):
    """An experiment or an option that cannot be meant as it was written.

    Examples
    --------
    >>> import driftlaw as dl
    >>> dl.StudentT(2)
    Traceback (most recent call last):
        ...
    theory.errors.InputError: the degrees of freedom are 2; ...
    """


class DomainError(DriftlawError):
    """A formula was asked for a value where it has none, such as at the interpolation threshold.

    Examples
    --------
    >>> import driftlaw as dl
    >>> dl.expected_errors(dl.one_block(10, (10,), noise=0.5, gram=[[1]]))
    Traceback (most recent call last):
        ...
    theory.errors.DomainError: task 0: the expected error is infinite unless |n - d| >= 2; ...
    """


class NoClosedForm(DriftlawError):
    """The experiment is valid and can be sampled, but no exact law is known for it.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(10, (5,), noise=0.5, gram=[[1]])
    >>> dl.expected_errors(seq.under(dl.Rademacher()))
    Traceback (most recent call last):
        ...
    theory.errors.NoClosedForm: no exact law is known for Rademacher(): ...
    """
