"""Errors that driftlaw raises on purpose; each message names the value, the reason and the remedy."""


class DriftlawError(ValueError):
    """Base of all deliberate errors; command lines turn it into exit status 2."""


class InputError(DriftlawError):
    """An experiment or an option that cannot be meant as it was written."""


class DomainError(DriftlawError):
    """A formula was asked for a value where it has none, such as at the interpolation threshold."""


class NoClosedForm(DriftlawError):
    """The experiment is valid and can be sampled, but no exact law is known for it."""
