"""Benchmark of memory strengths: ``python tests/bench/bench_memory.py``; 50 strengths with 100,000 draws each, against p."""

import time
from pathlib import Path
from sys import path

path.insert(0, str(Path(__file__).resolve().parents[2]))

from simulate.sample.memory import measure
from theory.memory import MemoryStep

for p in (400, 20_000, 1_000_000):
    started = time.perf_counter()
    measure(MemoryStep(p, 400, 0.5, 1.0, -0.3), [i / 50 for i in range(50)])
    print(f"p = {p:>9,}: {time.perf_counter() - started:.2f} s")
