"""Standards files that mean harm: loaded, or refused with problems that name their lines, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Final

from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.mappings.mapping import compile_mapping
from streams.standards.load import load
from streams.standards.problems.problems import MOST_PROBLEMS, StandardsError
from tests.fuzz.choices import Choices, pick
from tests.fuzz.mutation import worsened

#: A good file with every sort of thing in it, a line each, so that lines can be replaced, dropped, doubled and moved.
GOOD: Final = """\
version: 1
timezone: Asia/Shanghai
calendars:
  office: {mon-fri: "09:00-12:00, 13:30-18:00", holidays: [2026-10-01..2026-10-07], workdays: [2026-10-10]}
  night:
    timezone: UTC
    sat, sun: 22:00-06:00
services:
  hotline:
    title: {en: Hotline, zh: 服务热线}
    owner: customer-care
    steps:
      answer: {stage: front, failure_points: {queue-overflow: task, rude: treatment}}
      resolve: {stage: back, failure_points: [lost]}
    objectives:
      answered-in-10s:
        measure: {response_time: {step: answer, within: 10s, abandoned: {short: 5s, otherwise: bad}}}
        target: 95%
        window: 28d
        minimum_total: 3
      reachable: {measure: {availability: {by: probe}}, target: 99.9%, window: calendar month, alert: false}
      flawless: {measure: {failure_free: {step: answer, failure_points: [rude]}}, target: 90%}
      any: {measure: {failure_free: }, target: 100%, window: 1h30m}
topics:
  access-log:
    lateness: 90s
    mapping:
      drop_when: ["path == '/health'", 'status in [301, 302] and not (method == "GET" or bytes < 1e3)']
      service: {value: web}
      time: {path: timestamp, unit: ms}
      duration: {path: request.time, unit: s, otherwise: 0}
      outcome: {when: [{if: status >= 500, then: failed}], otherwise: ok}
      class: {path: method, table: {GET: read, POST: write}, otherwise: other}
      amount: {path: upstream.bytes, list: sum}
""".splitlines(keepends=True)
#: Pieces of YAML, and values that readers of quantities stumble over.
TOKENS: Final = tuple(
    token.encode()
    for token in (
        *(
            "&a ",
            "*a",
            "<<: *a",
            "!!python/object:os.system ",
            "!x ",
            "? ",
            "- ",
            "---\n",
            "...\n",
            "%YAML 9.9\n",
            "|\n",
            ">-\n",
        ),
        *(
            "[",
            "]",
            "{",
            "}",
            ",",
            ": ",
            ":",
            "#",
            "'",
            '"',
            '"\\ud800"',
            '"\\x00"',
            '"\\UFFFFFFFF"',
            "\t",
            "\r",
            "\x00",
            "\x1b",
        ),
        *(
            "\ufeff",
            "\u2028",
            "\x85",
            "null",
            "~",
            "true",
            "no",
            "1e999",
            ".inf",
            ".nan",
            "0x10",
            "0o7",
            "1_000",
            "12:30:45",
        ),
        *(
            "9" * 300,
            "0." + "9" * 30,
            "-1",
            "1e-99",
            "0%",
            "100.0000001%",
            "1e5%",
            "99,5 %",
            "9" * 400 + "%",
            "400d",
            "401d",
        ),
        *(
            "0s",
            "1.0000001s",
            "9" * 500 + "d",
            "1d1d",
            "10 s",
            "calendar",
            "calendar decade",
            "28",
            "00:00-24:00",
            "24:00-00:00",
        ),
        *(
            "25:00-26:00",
            "09:00-18:00, 10:00-11:00",
            "2026-02-30",
            "0000-00-00",
            "9999-12-31..0001-01-01",
            "1900-01-01..2900-01-01",
        ),
        *(
            "0001-01-01",
            "9999-12-31",
            "mon-sun",
            "sun-mon",
            "mon, mon",
            "x" * 250,
            "Mars/Phobos",
            "Asia/Shanghaï",
            "Etc/GMT-14",
        ),
        *(
            "../../etc/passwd",
            "/etc/localtime",
            "((((((((((((((((((((((a))))",
            "a == ",
            "not " * 30,
            "a.b[0].c",
            "a[99999999999]",
        ),
        *(
            "version: 1\n",
            "services:\n",
            "  x:\n",
            "    y: 1\n",
            "      z: [1, 2]\n",
            "services: {a: {b: {c: {d: {e: {f: {}}}}}}}\n",
        ),
        *(
            "null: null\n",
            "1: 2\n",
            "true: x\n",
            "? [a]\n: b\n",
            "[" * 30,
            "{a: " * 30,
            "- " * 30,
            "&a [*a, *a]\n",
            "a: &a b\nc: *a\n",
        ),
    )
)
#: The good file in pieces, every second of them a word, a number or a text in quotes.
_PIECES: Final = re.split(r"""("[^"]*"|'[^']*'|[^\s{}\[\],:"']+)""", "".join(GOOD))
_WORDS: Final = tuple(sorted(set(_PIECES[1::2])))
#: Longest file made here. What a larger one costs is a matter of its length alone.
_LONGEST: Final = 20_000


def generate(choices: Choices) -> bytes:
    """A file: the good one with words, lines or bytes made worse, or as the input has it."""
    how = choices.below(16)
    if how == 0:
        return choices.octets(400)
    if how <= 9:
        return _reworded(choices)
    lines = list(GOOD)
    for _ in range(choices.below(4)):
        _rearrange(choices, lines)
    made = "".join(lines).encode()
    for _ in range(choices.below(4)):
        made = worsened(choices, made, TOKENS, made)
    return made[:_LONGEST]


def _reworded(choices: Choices) -> bytes:
    """The good file with other words in some places: its own, or such as readers stumble over."""
    pieces = list(_PIECES)
    for _ in range((1, 1, 1, 2, 5)[choices.below(5)]):
        at = choices.below(len(pieces) // 2) * 2 + 1
        how = choices.below(4)
        if how == 0:
            pieces[at] = pick(choices, _WORDS)
        elif how == 1:
            pieces[at] = json.dumps(pick(choices, TOKENS).decode())
        elif how == 2:
            pieces[at] = pick(choices, ("[]", "{}", "[x, y]", "{x: y}", "", "0", "true", "1.5", "x", '""'))
        else:
            pieces[at] = pick(choices, TOKENS).decode().strip()
    return "".join(pieces).encode()


def _rearrange(choices: Choices, lines: list[str]) -> None:
    """Drop, double, move, indent, cut short or multiply a line or a few."""
    how, at = choices.below(8), choices.below(len(lines) or 1)
    after = at + 1 + (choices.below(6) if how & 1 else 0)
    part = lines[at:after]
    if how <= 1:
        del lines[at:after]
    elif how <= 3:
        lines[choices.below(len(lines) + 1) : 0] = part
    elif how <= 5:
        lines[at:after] = [" " * choices.below(5) + line.lstrip() for line in part]
    elif how == 6:
        lines[at:after] = [line.split(":")[0] + ": " + pick(choices, TOKENS).decode() + "\n" for line in part]
    else:
        lines[at:after] = part * choices.below(40)


def check(text: bytes) -> int:
    """Load ``text``. Gives 1."""
    try:
        standards = load(text, file="standards.yaml")
    except StandardsError as error:
        _tells_where(
            error, text.count(b"\n") + text.count(b"\r") + text.count("\x85".encode()) + text.count("\u2028".encode())
        )
        return 1
    assert len(text) % 8 or load(text, file="x").digest == standards.digest
    engine = Engine(Start("access-log", 0, standards))
    assert set(engine.eras.now.router.objectives) == {
        (service.name, name) for service in standards.services.values() for name in service.objectives
    }
    for mapping in standards.mappings.values():
        compile_mapping(mapping)
    return 1


def _tells_where(error: StandardsError, line_ends: int) -> None:
    """Every problem has a place in the file, and is one line that no terminal obeys."""
    assert 1 <= len(error.problems) <= MOST_PROBLEMS
    for problem in error.problems:
        assert 1 <= problem.line <= line_ends + 1, problem.line
        assert problem.column >= 1
        assert str(problem).isprintable()
        assert str(problem).startswith(f"standards.yaml:{problem.line}: ")
        assert len(str(problem)) < 3_000, len(str(problem))
