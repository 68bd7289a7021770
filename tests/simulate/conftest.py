"""The path to the reference that the sampler's tests share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
