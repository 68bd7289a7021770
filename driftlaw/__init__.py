"""driftlaw: verifies the theory of continual learning in linear and deep models.

`driftlaw.testing` tests formulas, strategies and networks of your own in your own pytest suite.
"""

__version__ = "0.1.0"
