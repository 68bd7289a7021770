"""Count code lines, without blanks, comments and docstrings, of the library and of the tests.

Entries of the catalogue and of the literature (published claims), and the cases that test them, are data: they are printed, and do not count
against the ceiling.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGES = ("theory", "simulate", "deep", "figures", "driftlaw")
ENTRIES = ("ledger/*.py", "claims.py")
CEILINGS = {"library": 19_500, "tests": 15_000}
BLANK = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Count the lines on which a token stands that is neither a comment nor part of a docstring."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in BLANK:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node, clean=False):
            lines.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def catalogue_lines(source: str) -> int:
    """Count the code lines of the values that a chapter of the catalogue defines; its functions are code."""
    lines = source.splitlines()
    values = [node for node in ast.parse(source).body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    return sum(code_lines("\n".join(lines[node.lineno - 1 : node.end_lineno])) for node in values)


def main() -> None:
    """Print the table that closing notes quote."""
    root = Path(__file__).resolve().parents[2]
    entries = sum(catalogue_lines(file.read_text()) for place in ENTRIES for file in (root / "theory").glob(place) if file.name != "notation.py")
    counts = {name: sum(code_lines(file.read_text()) for file in (root / name).rglob("*.py")) for name in (*PACKAGES, "tests")}
    counts["theory"] -= entries
    for name, count in counts.items():
        print(f"{name:<10}{count:>8,}")
    print(f"catalogue {entries:>8,} lines of entries and cases, not counted")
    library = sum(counts[name] for name in PACKAGES)
    print(f"library   {library:>8,} of {CEILINGS['library']:,}\ntests     {counts['tests']:>8,} of {CEILINGS['tests']:,}")
    sys.exit(library > CEILINGS["library"] or counts["tests"] > CEILINGS["tests"])


if __name__ == "__main__":
    main()
