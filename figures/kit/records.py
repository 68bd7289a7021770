"""Records that are kept with the figures, and the code that reads them."""

from __future__ import annotations

from pathlib import Path

import deep

RECORDS = Path(__file__).parents[1] / "records"
DEEP = Path(deep.__file__).parent
READERS = (DEEP / "records.py", DEEP / "metrics.py")  # code that the values in a figure depend on
