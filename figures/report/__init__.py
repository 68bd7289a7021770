"""The report: a page of findings, explorer and figures, and the catalogue of formulas; it opens offline in any browser."""
