"""The commands of `driftlaw deep`, one file each: a frozen dataclass of options whose `run` returns the exit status."""
