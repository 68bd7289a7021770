"""Sweeps: quantities of many experiments, estimated in fixed chunks of trials that are stored as they end.

`driver` runs them; `points` are the experiments with what is stored of them, `chunks` the units of work, `tally` moments that
merge, `precision` the rule that stops, `result` tables and files, `command` the command line.
"""
