"""Where the real data sets lie."""

import os
from pathlib import Path

import pytest

_BESIDE_REPOSITORY = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets: DRIFTLAW_DATA, else ../shared/data beside the repository."""
    named = os.environ.get("DRIFTLAW_DATA")
    root = Path(named) if named else _BESIDE_REPOSITORY
    if not root.is_dir():
        pytest.skip(f"no real data: set DRIFTLAW_DATA, or put them into {_BESIDE_REPOSITORY}")
    return root
