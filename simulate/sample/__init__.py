"""Samplers: they draw data, solve the regressions and know no formula.

`run` is the public function. `learner` draws every feature and solves every least-squares problem, under the laws of
`features` and by the rules of `solvers`, with the library of `arrays`; `reduced` draws only what the results depend on;
`adaptive` decides task by task what to train. `batches` runs any of them over blocks of trials.
"""
