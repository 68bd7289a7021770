"""Samplers: they draw data, solve the regressions and know no formula.

`learner` draws every feature and solves every least-squares problem, under the laws of `features` and by the rules of
`solvers`; `adaptive` decides task by task what to train.
"""
