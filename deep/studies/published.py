"""What arXiv 2602.20796 publishes of its experiments, in per cent; other network sizes and training than ours.

Task.Acc, Avg.Acc, Forgetting; None where a number could not be obtained. "Hybrid" is its algorithm 1.
"""

SOURCE = "arXiv 2602.20796"
Published = tuple[float | None, float | None, float | None]

RESULTS: dict[str, dict[str, Published]] = {
    "split CIFAR-100, 10 tasks": {"initialized": (60.72, 42.27, 24.84), "frozen": (57.37, 43.38, 23.96), "hybrid": (67.30, 47.19, 24.15)},
    "split CIFAR-100, 20 tasks": {"initialized": (79.36, 37.79, 46.68), "frozen": (78.28, 37.59, 45.88), "hybrid": (80.81, 39.09, 45.08)},
    "split CIFAR-10": {"initialized": (None, 75.74, 23.30), "frozen": (None, 75.98, 21.10), "hybrid": (None, 80.55, 19.51)},
    "permuted MNIST": {"initialized": (None, 75.97, 30.76), "frozen": (None, 76.78, 29.21), "hybrid": (None, 77.99, 28.05)},
    # The initialized row is computed back from the published differences.
    "correlated split CIFAR-100": {"initialized": (None, 43.78, 22.45), "hybrid": (None, 50.21, 20.03)},
}
