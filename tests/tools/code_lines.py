"""Count code lines, without blanks, comments and docstrings, of the library and of the tests."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGES = ("theory", "simulate", "deep", "figures", "driftlaw")
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


def main() -> None:
    """Print the table that closing notes quote."""
    root = Path(__file__).resolve().parents[2]
    counts = {name: sum(code_lines(file.read_text()) for file in (root / name).rglob("*.py")) for name in (*PACKAGES, "tests")}
    for name, count in counts.items():
        print(f"{name:<10}{count:>8,}")
    library = sum(counts[name] for name in PACKAGES)
    print(f"library   {library:>8,} of {CEILINGS['library']:,}\ntests     {counts['tests']:>8,} of {CEILINGS['tests']:,}")
    sys.exit(library > CEILINGS["library"] or counts["tests"] > CEILINGS["tests"])


if __name__ == "__main__":
    main()
