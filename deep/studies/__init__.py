"""Studies: many runs by a design that is fixed beforehand, developed on validation data, confirmed once on test data."""
