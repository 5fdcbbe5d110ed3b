r"""The parser of paths and conditions: from text to `conditions`. Nothing is ever evaluated as Python.

condition   = conjunction { "or" conjunction }
conjunction = negation { "and" negation }
negation    = "not" negation | "(" condition ")" | comparison
comparison  = operand [ operator operand | [ "not" ] "in" options ]
operator    = "==" | "!=" | "<" | "<=" | ">" | ">="
options     = "[" literal { "," literal } "]" | path
operand     = literal | path
path        = step { "." step | "[" ( integer | text ) "]" }
literal     = number | text in single or double quotes | true | false | null

Backslashes in a text mean what they mean in JSON; \' is a single quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from streams.mappings.conditions import (
    Combination,
    Comparison,
    Condition,
    Literal,
    Membership,
    Negation,
    Operand,
    Scalar,
    Truth,
)
from streams.mappings.paths import WORDS, Path

#: Longest condition, and how deep its parentheses and negations nest.
MAX_LENGTH: Final = 1_000
MAX_DEPTH: Final = 20


class Malformed(ValueError):  # noqa: N818 - said of the text
    """Raised for a path or condition that does not follow the grammar: what was found, where, and what was expected."""


_TOKEN: Final = re.compile(
    r"""(?P<number>-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?(?![\w.]))
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>==|!=|<=|>=|<|>)
      | (?P<mark>[()\[\],.])
      | (?P<name>(?:[^\W\d]|[@$])[\w@$-]*)""",
    re.VERBOSE | re.DOTALL,
)
_BLANK: Final = re.compile(r"\s*")
#: Characters by what they stand for behind a backslash, beside `u` and four hexadecimal digits.
_ESCAPES: Final[Mapping[str, str]] = dict(zip("\"'\\/bfnrt", "\"'\\/\b\f\n\r\t", strict=True))
_LITERALS: Final[Mapping[str, Scalar]] = {"true": True, "false": False, "null": None}
#: Operators of other languages, with the one that was probably meant.
_SLIPS: Final[Mapping[str, str]] = {"=": "==", "&": "and", "|": "or", "!": "not", "~": "=="}


def parse_condition(text: str) -> Condition:
    """Read a condition. Raises `Malformed`."""
    parser = _Parser(text)
    condition = parser.condition()
    parser.end()
    return condition


def parse_path(text: str) -> Path:
    """Read a path, as in `request.route`, `items[0].name`, `["odd name"].x`. Raises `Malformed`."""
    parser = _Parser(text)
    path = parser.path()
    parser.end()
    return path


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number, text, operator, mark, name, end
    text: str
    position: int  # of its first character, from 1

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"`{self.text}` at character {self.position}"


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        message = f"it has {len(text):,} characters; at most {MAX_LENGTH:,} are read"
        raise Malformed(message)
    tokens, position = [], _end_of_blank(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            _unreadable(text, position)
        tokens.append(_Token(str(match.lastgroup), match[0], position + 1))
        position = _end_of_blank(text, match.end())
    return [*tokens, _Token("end", "", position + 1)]


def _end_of_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _unreadable(text: str, position: int) -> NoReturn:
    found = text[position]
    hint = f"; did you mean `{_SLIPS[found]}`?" if found in _SLIPS else ""
    hint = "; the quote is never closed" if found in "\"'" else hint
    message = f"cannot read {found!r} at character {position + 1}{hint}"
    raise Malformed(message)


class _Parser:
    """Recursive descent over the tokens, one method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def condition(self) -> Condition:
        return self._combination("or", self._conjunction)

    def path(self) -> Path:
        steps: list[str | int] = [self._index()] if self._take("[") else [self._name()]
        while True:
            if self._take("."):
                steps.append(self._name())
            elif self._take("["):
                steps.append(self._index())
            else:
                return Path(tuple(steps))

    def end(self) -> None:
        if self._peek().kind != "end":
            self._expected("an operator or the end")

    def _conjunction(self) -> Condition:
        return self._combination("and", self._negation)

    def _combination(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return Combination(word, tuple(parts)) if len(parts) > 1 else parts[0]

    def _negation(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = f"it nests deeper than {MAX_DEPTH} levels at character {self._peek().position}"
            raise Malformed(message)
        try:
            if self._take("not"):
                return Negation(self._negation())
            return self._parenthesis() if self._take("(") else self._comparison()
        finally:
            self._depth -= 1

    def _parenthesis(self) -> Condition:
        inner = self.condition()
        if not self._take(")"):
            self._expected("`)`")
        return inner

    def _comparison(self) -> Condition:
        left = self._operand()
        if self._peek().kind == "operator":
            return Comparison(self._advance().text, left, self._operand())
        if self._take("in"):
            return Membership(left, self._options())
        if self._take("not"):
            if not self._take("in"):
                self._expected("`in`")
            return Negation(Membership(left, self._options()))
        return Truth(left)

    def _options(self) -> tuple[Literal, ...] | Path:
        if self._peek().kind == "name":
            return self.path()
        if not self._take("["):
            self._expected('a list, as in ["GET", "HEAD"], or a path')
        options = [self._literal()]
        while self._take(","):
            options.append(self._literal())
        if not self._take("]"):
            self._expected("`,` or `]`")
        return tuple(options)

    def _operand(self) -> Operand:
        token = self._peek()
        is_path = token.text == "[" or (token.kind == "name" and token.text not in _LITERALS)
        return self.path() if is_path else self._literal()

    def _literal(self) -> Literal:
        token = self._peek()
        if token.kind == "number":
            return Literal(_number(self._advance().text))
        if token.kind == "text":
            return Literal(_unquoted(self._advance()))
        if token.kind == "name" and token.text in _LITERALS:
            return Literal(_LITERALS[self._advance().text])
        return self._expected(
            'a number, a text in quotes, true, false, null or a path (texts need quotes, as in "GET")'
        )

    def _name(self) -> str:
        token = self._peek()
        if token.kind != "name" or token.text in WORDS:
            self._expected('the name of a field (odd ones as in ["x y"])')
        return self._advance().text

    def _index(self) -> str | int:
        token = self._peek()
        if token.kind == "text":
            step: str | int = _unquoted(self._advance())
        elif token.kind == "number" and token.text.isdecimal():
            step = int(self._advance().text)
        else:
            self._expected("an index from 0 or a name in quotes")
        if not self._take("]"):
            self._expected("`]`")
        return step

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._peek()
        self._next += token.kind != "end"
        return token

    def _take(self, text: str) -> bool:
        """Skip ``text`` if it is next; return whether it was."""
        token = self._peek()
        found = token.text == text and token.kind in {"mark", "name"}
        self._next += found
        return found

    def _expected(self, what: str) -> NoReturn:
        message = f"found {self._peek()} where {what} was expected"
        raise Malformed(message)


def _number(text: str) -> int | float:
    return float(text) if set(text) & set(".eE") else int(text)


def _unquoted(token: _Token) -> str:
    """Text between the quotes. Raises `Malformed` for an unknown escape or half of a surrogate pair."""

    def replaced(match: re.Match[str]) -> str:
        if match["code"]:
            return chr(int(match["code"], 16))
        if match["sign"] in _ESCAPES:
            return _ESCAPES[match["sign"]]
        position = token.position + match.start() + 1
        message = f"cannot read `{match[0]}` at character {position}; a backslash itself is written `\\\\`"
        raise Malformed(message)

    text = re.sub(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<sign>.))", replaced, token.text[1:-1], flags=re.DOTALL)
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")  # joins surrogate pairs
    except UnicodeDecodeError:
        message = f"the text at character {token.position} has half of a pair of codes; write the character itself"
        raise Malformed(message) from None
