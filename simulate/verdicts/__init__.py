"""What a check finds, and how: the one room where formulas meet samples.

`judge` runs a check from a `conjecture` (formula and experiments), `comparison` says what can be judged in a case, `planning` how many
trials that takes, `report` holds verdicts and their sentences. `lemma` reads users' files, `robustness` is a check of its own.
"""
