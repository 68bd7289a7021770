"""What a user of driftlaw imports and types."""

__version__ = "0.1.0"
