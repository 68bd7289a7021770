"""Commands that draw where something holds: where a statement fails, and where which of two experiments has the smaller error."""
