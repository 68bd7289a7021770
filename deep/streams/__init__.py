"""Streams of tasks: split, permuted, rotated, correlated split, corrupted split, and one data set after another."""

from deep.streams.base import STREAMS, Stream, StreamOptions
from deep.streams.correlated import CorrelatedSplit
from deep.streams.corrupted import CorruptedSplit
from deep.streams.domains import Domains
from deep.streams.labels import SCENARIOS, LabelView
from deep.streams.orders import ORDERS, ordering
from deep.streams.permuted import Permuted
from deep.streams.registry import make_options, parse_name, stream
from deep.streams.rotated import Rotated
from deep.streams.split import Split
from deep.streams.task import StreamTask

__all__ = [
    "ORDERS", "SCENARIOS", "STREAMS", "CorrelatedSplit", "CorruptedSplit", "Domains", "LabelView", "Permuted", "Rotated", "Split",
    "Stream", "StreamOptions", "StreamTask", "make_options", "ordering", "parse_name", "stream",
]
