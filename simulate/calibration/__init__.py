"""How often verdicts go wrong: `measure` runs the whole procedure thousands of times, `report` says what was found."""
