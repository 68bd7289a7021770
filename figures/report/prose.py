"""The project's plain-text mathematics as HTML: ``|q_2 - q_1|^2`` in sentences and ``$p_2^*$`` in captions."""

import re
from html import escape

from figures.report.mathml import GREEK, mathml, tag
from theory.errors import InputError

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
        markup = mathml(source)
    except InputError:
        return f"<code>{escape(source)}</code>"
    # A lone sign would get an operator's space on both sides.
    return re.sub("<[^>]*>", "", markup) if markup.startswith("<mo") and markup.count("</") == 1 else tag("math", markup)
