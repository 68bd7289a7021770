"""The project's plain-text mathematics as HTML: ``|q_2 - q_1|^2`` in sentences and ``$p_2^*$`` in captions."""

from __future__ import annotations

import re
from html import escape

from figures.report.mathml import GREEK, operator, row, tag

_NAMES = "|".join(GREEK)
# A lone letter is a symbol unless it may be a word ("a", "I") or part of an abbreviation ("i.i.d.") or of a possessive.
_TOKEN = re.compile(
    rf"""(?P<code>`[^`]+`)
    | (?P<arxiv>arXiv[ ](?P<id>\d{{4}}\.\d{{4,5}}))
    | (?P<inner><(?=[^<>=]*,)[^<>=]*>)
    | (?P<root>sqrt\((?P<under>{_NAMES}|[a-z])\))
    | (?<![\w.'])(?P<base>(?:{_NAMES})(?![a-z])|[A-Za-z](?=_|~_)|[b-zNT](?![\w.-]|[ ]*\()|[b-zTFGLE](?=_\w))
      (?P<tilde>~?)(?:_(?P<below>[A-Za-z0-9]{{1,2}}))?(?P<star>\*?)(?:\^(?P<power>-?\w))?(?!\w)
    | \^(?P<exponent>-?\w+)
    | (?P<sign>>=|<=|!=|\+-|->|(?<=[ ])-(?=[ ]))
    """,
    re.VERBOSE,
)
_SIGNS = {">=": "≥", "<=": "≤", "!=": "≠", "+-": "±", "->": "→", "-": "−"}


def unlinked(text: str) -> str:
    """Write a sentence as `pretty` does, without links, so that it may stand inside one."""
    return re.sub("</?a[^>]*>", "", pretty(text))


def pretty(text: str) -> str:
    """Write a sentence as HTML, its symbols in italics with subscripts and powers, arXiv numbers as links."""
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        parts += [escape(text[end : match.start()], quote=False), _token(match)]
        end = match.end()
    return "".join([*parts, escape(text[end:], quote=False)])


def _token(match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["code"]:
        return f"<code>{escape(found['code'][1:-1])}</code>"
    if found["arxiv"]:
        return f'<a href="https://arxiv.org/abs/{found["id"]}">arXiv {found["id"]}</a>'
    if found["inner"]:
        return f"⟨{pretty(found['inner'][1:-1])}⟩"
    if found["root"]:
        return f"√{pretty(found['under'])}"
    if found["exponent"]:
        return f"<sup>{_minus(found['exponent'])}</sup>"
    if found["sign"]:
        return _SIGNS[found["sign"]]
    below = found["below"] and (GREEK.get(found["below"]) or found["below"])
    above = (found["star"] or "") + _minus(found["power"] or "")
    letter = f"<i>{GREEK.get(found['base'], found['base'])}{chr(0x303) if found['tilde'] else ''}</i>"
    return letter + (f"<sub>{below}</sub>" if below else "") + (f"<sup>{above}</sup>" if above else "")


def _minus(text: str) -> str:
    return text.replace("-", "−")


_COMMANDS = {
    "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "pm": "±", "times": "×", "cdot": "·", "to": "→", "infty": "∞", "approx": "≈",
    "ll": "≪", "gg": "≫", "sim": "∼", "in": "∈", "langle": "⟨", "rangle": "⟩", "ldots": "…", "dots": "…", "sum": "∑", "|": "‖",
    "rightarrow": "→",
}  # fmt: skip
_ACCENTS = {"bar": "¯", "hat": "^", "tilde": "~"}
_UPRIGHT = ("mathrm", "text", "rm", "operatorname")
_SPACES = {",": "0.17em", ";": "0.28em", ":": "0.22em", " ": "0.3em", "quad": "1em"}
_LEXER = re.compile(r"\\([A-Za-z]+|.)|(\d+(?:[.,]\d+)*)|(\S)")


def caption(text: str) -> str:
    """Write a caption as HTML, ``$...$`` as MathML; mathematics that is not understood is shown as its source."""
    return re.sub(r"\$([^$]*)\$([.,;:)]*)|([^$]+|\$)", _piece, text)


def _piece(match: re.Match[str]) -> str:
    if match[1] is None:
        return escape(match[3], quote=False)
    markup = _mathematics(match[1])
    return f'<span class="nowrap">{markup}{match[2]}</span>' if match[2] else markup


def _mathematics(source: str) -> str:
    try:
        markup = _Reader(source).expression()
        # A lone sign would get an operator's space on both sides.
        return re.sub("<[^>]*>", "", markup) if markup.startswith("<mo") and markup.count("</") == 1 else tag("math", markup)
    except (IndexError, KeyError):
        return f"<code>{escape(source)}</code>"


class _Reader:
    """Recursive-descent reader of the part of TeX that matplotlib's mathtext has."""

    def __init__(self, source: str) -> None:
        self.tokens = [(command, digits, other) for command, digits, other in _LEXER.findall(source)]
        self.place = 0

    def expression(self, until: str = "") -> str:
        """Read up to a closing token, or to the end."""
        parts: list[str] = []
        while self.place < len(self.tokens) and (not until or self.tokens[self.place][2] != until):
            parts.append(self._scripts(self._atom()))
        if until:
            self._next()
        return row(*parts)

    def _next(self) -> tuple[str, str, str]:
        self.place += 1
        return self.tokens[self.place - 1]

    def _atom(self) -> str:
        command, digits, other = self._next()
        if digits:
            return tag("mn", digits)
        if command:
            return self._command(command)
        if other == "{":
            return self.expression("}")
        if other.isalpha():
            return tag("mi", other)
        shape = {"stretchy": "false", "lspace": "0", "rspace": "0"} if other in "()[]|/" else {}
        return operator("−" if other == "-" else other, **shape)

    def _command(self, command: str) -> str:
        if command in GREEK:
            return tag("mi", GREEK[command])
        if command in _SPACES:
            return tag("mspace", width=_SPACES[command])
        if command in ("left", "right"):
            return self._atom()
        if command == "sqrt":
            return tag("msqrt", self._atom())
        if command == "frac":
            return tag("mfrac", self._atom(), self._atom())
        if command in _ACCENTS:
            return tag("mover", self._atom(), operator(_ACCENTS[command]), accent="true")
        if command in _UPRIGHT:
            return tag("mtext", escape(self._braced()))
        return operator(_COMMANDS[command])

    def _braced(self) -> str:
        if self._next()[2] != "{":
            raise KeyError
        letters = []
        while (token := self._next())[2] != "}":
            letters.append("".join(token))
        return "".join(letters)

    def _scripts(self, base: str) -> str:
        scripts: dict[str, str] = {}
        while self.place < len(self.tokens) and self.tokens[self.place][2] in ("_", "^"):
            sign = self._next()[2]
            scripts[sign] = self._atom()
        if len(scripts) == 2:
            return tag("msubsup", base, scripts["_"], scripts["^"])
        if "_" in scripts:
            return tag("msub", base, scripts["_"])
        return tag("msup", base, scripts["^"]) if scripts else base
