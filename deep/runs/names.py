"""What a run is called where people read of it."""

from collections.abc import Mapping
from typing import Any

SHOWN = 10  # digits of a key
NAMING = ("stream", "stream_options", "order", "seed", "strategy", "strategy_options", "network", "scenario")  # what a run is told by


def run_name(config: Mapping[str, Any]) -> str:
    """Return what a run is, in a line."""
    return f"{with_options(config, 'stream')}, order {config['order']}, seed {config['seed']}, {with_options(config, 'strategy')} training, {config['network']}"


def with_options(config: Mapping[str, Any], name: str) -> str:
    """Return the stream or strategy of a configuration with the options that were given."""
    options = ", ".join(f"{option}={value}" for option, value in config[f"{name}_options"].items())
    return f"{config[name]} ({options})" if options else config[name]
