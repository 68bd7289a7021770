"""How long work is done and kept: `jobs` in parallel, the `store` of results, their `keys`, their `provenance`, `files` that never tear.

Sweeps, networks' runs and figures share this room; it knows nothing of tasks or formulas.
"""
