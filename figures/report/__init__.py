"""The report: one HTML page with the ledger, the claims, the figures and an explorer; it opens offline in any browser."""
