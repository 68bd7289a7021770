"""Networks as a chain of named stages from the input to the head, of which the last few or any others can be trained."""

from deep.networks.base import HEAD, Network
from deep.networks.normalisation import NORMALISATIONS
from deep.networks.registry import NETWORKS, Architecture, build, default_network

__all__ = ["HEAD", "NETWORKS", "NORMALISATIONS", "Architecture", "Network", "build", "default_network"]
