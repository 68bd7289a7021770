"""The ledger of closed forms, one file per family of results; `theory.formulas` collects them."""
