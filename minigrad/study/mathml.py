"""Formulas in Unicode, as docstrings have them, as MathML."""

import re
from collections.abc import Collection
from html import escape

SUB = dict(zip("₀₁₂₃₄₅₆₇₈₉ₙᵢⱼₖₜ", "0123456789nijkt", strict=True))
SUPER = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀˣᵇⁿ", "0123456789−Txbn", strict=True))
FUNCTIONS = {"exp", "ln", "max", "min", "tanh", "sin", "cos", "sign", "softmax", "onehot"}
TOKEN = re.compile(
    rf"""∂(?P<above>[^\s/]+)/∂(?P<below>[^\s)]+)
    |(?P<number>-?\d+(?:\.\d+)?(?:e[-+]\d+)?)
    |(?P<word>[A-Za-zα-ωℓΦΣΠ√][A-Za-z\u0302]*)(?P<digits>\d*)
    |(?P<sub>[{"".join(SUB)}]+[a-z]*|_\w+)
    |(?P<super>[{"".join(SUPER)}]+)
    |(?P<space>\s+)
    |(?P<sign>.)""",
    re.VERBOSE,
)
MINUS = "<mo>−</mo>"
GAP = '<mspace width="0.25em"/>'
BEHIND_A_NAME = {*SUB, *SUPER, *"_(["}


def mathml(text: str, names: Collection[str] = ()) -> str:
    """Return a formula as `<math>` elements and words: a line can break between them.

    Args:
        text: such as "gz2ₙ = gL wₙ (pₙ − qₙ)".
        names: what is a variable in it; other words of several letters are words.
    """
    parts: list[list] = []  # whether they are words, and their text
    for token in TOKEN.finditer(text):
        words = _is_word(token, names)
        if parts and (token["space"] or (parts[-1][0] and token[0] in ",;:.")):
            words = parts[-1][0]
        if parts and parts[-1][0] == words:
            parts[-1][1] += token[0]
        else:
            parts.append([words, token[0]])
    return "".join(escape(part) if words else _formula(part, names) for words, part in parts)


def _is_word(token: re.Match, names: Collection[str]) -> bool:
    """Return whether it is a word of a sentence, such as "where"."""
    word, behind = token["word"] or "", token.string[token.end() : token.end() + 1]
    known = token[0] in names or word in FUNCTIONS or "\u0302" in word
    return len(word) > 1 and not known and behind not in BEHIND_A_NAME


def _formula(text: str, names: Collection[str]) -> str:
    """Return a formula without words: a line can break before =, + and −."""
    pieces = [""]
    for part in re.split(r"(?= [=+-] )", text):
        if pieces[-1].count("(") > pieces[-1].count(")"):
            pieces[-1] += part
        else:
            pieces.append(part)
    rows = [(piece, _row(piece, names)) for piece in pieces if piece]
    infix = '<mo form="infix">'
    rows = [r.replace("<mo>", infix, 1) if re.match(" ?[=+-] ", p) else r for p, r in rows]
    end = " " if text.endswith(" ") else ""
    return " ".join(f"<math>{row}</math>" for row in rows) + end


def _row(text: str, names: Collection[str]) -> str:
    found: list[str] = []
    space = False
    for token in TOKEN.finditer(text):
        if token["space"]:
            space = True
        elif token["sub"] or token["super"]:
            found.append(_script(found.pop() if found else "<mi></mi>", token))
        else:
            part = _part(token, names)
            if part == MINUS and found and found[-1].startswith("<mo>"):
                part = part.replace("<mo>", '<mo form="prefix">')
            if space and found and _ends(found[-1]) and _begins(part):
                found.append(GAP)  # between factors
            found.append(part)
            space = False
    return "".join(found)


def _part(token: re.Match, names: Collection[str]) -> str:
    """Return the element of a slope, a number, a name or a sign."""
    if token["above"]:
        above, below = (_row(token[way], names) for way in ("above", "below"))
        return f"<mfrac><mrow><mi>∂</mi>{above}</mrow><mrow><mi>∂</mi>{below}</mrow></mfrac>"
    text = token[0].replace("-", "−")
    if token["number"]:
        return f"<mn>{text}</mn>"
    if token["sign"]:
        return f"<mo>{escape(text)}</mo>"
    element = f"<mi>{token['word']}</mi>"
    return f"<msub>{element}<mn>{token['digits']}</mn></msub>" if token["digits"] else element


def _script(base: str, token: re.Match) -> str:
    """Return the base with a subscript or a superscript, beside a subscript that it has."""
    kind, table = ("sub", SUB) if token["sub"] else ("sup", SUPER)
    text = "".join(table.get(c, c) for c in token[0].removeprefix("_"))
    script = f"<{'mn' if text.isdigit() else 'mi'}>{text}</{'mn' if text.isdigit() else 'mi'}>"
    has = re.fullmatch(r"<msub>(<mi>.*?</mi>)(.*)</msub>", base)
    if has and kind == "sub":
        return f"<msub>{has[1]}<mrow>{has[2]}{script}</mrow></msub>"
    if has:
        return f"<msubsup>{has[1]}{has[2]}{script}</msubsup>"
    return f"<m{kind}>{base}{script}</m{kind}>"


def _begins(element: str) -> bool:
    return not element.startswith(("<mo", "<mspace")) or element == "<mo>(</mo>"


def _ends(element: str) -> bool:
    closing = ("<mo>)</mo>", "<mo>]</mo>")
    return not element.startswith(("<mo", "<mspace")) or element in closing
