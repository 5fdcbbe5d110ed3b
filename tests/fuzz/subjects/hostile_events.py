"""Events that mean harm: good ones of every kind, with members replaced, added and dropped, and bytes made worse."""

from __future__ import annotations

from typing import Final

from streams.events import control_records
from tests.fuzz.choices import Choices, pick
from tests.fuzz.mutation import worsened

Member = tuple[bytes, bytes]


def _members(text: bytes) -> tuple[Member, ...]:
    """Members of the one-line object in ``text``: a name and a value each, both as they are written."""
    pairs = (part.split(b":", 1) for part in text.split(b"|"))
    return tuple((b'"' + name + b'"', value) for name, value in pairs)


#: Good events, member by member.
GOOD: Final = tuple(
    _members(text)
    for text in (
        b'time:1772438400|service:"hotline"|duration:3.25|step:"ring"|class:"gold"|id:"a-1"|customer:"c7"',
        b'time:"2026-03-02T09:30:00.123456+08:00"|service:"desk"|outcome:"failed"|failure_point:"rude"',
        b'time:1772438400.5|service:"desk"|kind:"interaction"|outcome:"abandoned"|duration:0',
        b'time:1772438401|service:"desk"|kind:"probe"|up:true|holds:60|step:"door"|class:"east"',
        b'time:1772438402|service:"clinic"|kind:"case"|case:"k1"|transition:"opened"|due:"2026-03-05T00:00:00Z"',
        b'time:1772438403|service:"clinic"|kind:"feedback"|dimension:"empathy"|expected:5|perceived:4|role:"staff"',
        b'time:1772438404|service:"clinic"|kind:"feedback"|score:4.5|item:"q1"|weight:0.2',
        b'time:1772438405|service:"rooms"|kind:"check"|section:"bath"|item:"clean"|unit:"101"|passed:null',
        b'time:1772438406|service:"rooms"|kind:"measure"|indicator:"calls"|value:3|of:4|amount:12.5',
        b'specversion:"1.0"|type:"x.y.interaction"|id:"e1"|time:"2026-03-02T09:30:00Z"|data:{"service":"hotline","duration":1.5}',
        b'specversion:"1.0"|type:"probe"|data:{"service":"desk","up":false,"time":1772438400}',
        b'kind:"control"|type:"tick"',
        b'kind:"control"|type:"standards"|hash:"abc"|proposed:1772438400000',
        b'kind:"control"|type:"exclusion"',
    )
)
#: Values that parsers, clocks and integers stumble over.
VALUES: Final = (
    *(b"null", b"true", b"false", b"0", b"-0", b"-0.0", b"-1", b"1", b"0.1", b"5e-324", b"1e308", b"-1e308", b"1e309"),
    *(b"34560000", b"34560000.000001", b"86400", b"86401", b"9e12", b"9000000000001", b"9007199254740993"),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"1" * 400, b"0." + b"3" * 400),
    *(b"32503680000", b"32503679999.9999", b"1772438400000", b"-62135596800", b"253402300800", b"1e-7", b"NaN"),
    *(b"Infinity", b"-Infinity", b"01", b"+1", b"1.", b".5", b"0x10", b'""', b'" "', b'"x"', b'"\\u0000"'),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"'),
    *(b'"' + b"x" * 200 + b'"', b'"' + b"x" * 201 + b'"', '"🙂"'.encode()),
    *(f'"{"服" * 200}"'.encode(), f'"{"服" * 201}"'.encode(), b'"\\"', b'"\\x"', b'"a\nb"', b'"<script>"', b'"other"'),
    *(b'"unspecified"', b'"interaction"', b'"probe"', b'"case"', b'"check"', b'"measure"', b'"control"', b'"feedback"'),
    *(b'"ok"', b'"failed"', b'"customer"', b'"2026-03-01T09:30:00Z"', b'"2026-03-01T09:30:00"', b'"2026-03-01"'),
    *(b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59.999999-23:59"', b'"2016-12-31T23:59:60Z"'),
    *(b'"2026-02-30T00:00:00Z"', b'"1969-12-31T23:59:59Z"', b'"2999-12-31T23:59:59.9999Z"', b'"1772438400"'),
    *(b"[]", b"{}", b"[1]", b'{"a":1}', b"[" * 64 + b"]" * 64, b"[" * 65 + b"]" * 65, b"[" * 5_000, b'{"a":' * 70),
    *(b'{"service":"x","time":1}', b'["' + b"[" * 100 + b'"]', b'"contro\\u006c"', b'{"x":' * 1_500),
    b'{"x":' * 1_500 + b"1" + b"}" * 1_500,
)
#: Bytes that mean something where an event is read.
TOKENS: Final = (
    *(
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b" ",
        b"\n",
        b"e",
        b"-",
        b".",
    ),
    *(
        b"\\u",
        b"\\ud800",
        b"null",
        b"NaN",
        b"Infinity",
        b"1e999",
        b'"kind":"probe",',
        b'"kind":"control",',
        b'"id":"",',
    ),
    *(
        b'"specversion":"1.0",',
        b'"data":{',
        b'"time":',
        b'"service":',
        b"//",
        b"/*",
        b"'",
        b"\xe2\x80\xa8",
        b"\xed\xa0",
    ),
)
_NAMES: Final = (
    *dict.fromkeys(name for members in GOOD for name, _ in members),
    *(
        b'"unknown"',
        b'"Time"',
        b'""',
        b'"hash"',
        b'"proposed"',
        b'"\\u0074ime"',
        b'"kin\\u0064"',
        b'"specversio\\u006e"',
        b'"$.time"',
        b'"x` - at `$.id"',
        b'"services"',
        b'"x' + b"y" * 300 + b'"',
    ),
)
_LARGE: Final = b'{"time":1772438400,"service":"hotline","x":"' + b"x" * 70_000 + b'"}'
#: Whole records, as they came from somewhere.
RECORDS: Final = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"{}{}",
    b'"x"',
    b"1",
    b"[" * 70,
    b"\xff\xfe{\x00}\x00",
    _LARGE,
    control_records.tick(),
)


def event(choices: Choices) -> bytes | None:
    """One record: good at times, worse at others."""
    how = choices.below(64)
    if how < 2:
        return None if how else choices.octets(40)
    if how == 2:
        return pick(choices, RECORDS)
    made = written(changed(choices, list(pick(choices, GOOD))))
    for _ in range((0, 0, 0, 0, 0, 1, 1, 3)[choices.below(8)]):
        made = worsened(choices, made, TOKENS, b'{"time":1772438400,"service":"desk","kind":"probe","up":true}')
    return made


def changed(choices: Choices, members: list[Member]) -> list[Member]:
    """``members`` with none, one or a few of them replaced, dropped, doubled or put elsewhere."""
    for _ in range((0, 1, 1, 1, 2, 3)[choices.below(6)]):
        how, at = choices.below(8), choices.below(len(members) or 1)
        if how == 0:
            del members[at : at + 1]
        elif how == 1:
            members.insert(at, (pick(choices, _NAMES), pick(choices, VALUES)))
        elif how == 2:
            members += pick(choices, GOOD)
        elif members:
            members[at] = members[at][0], pick(choices, VALUES)
    return members


def written(members: list[Member]) -> bytes:
    """The object with ``members``."""
    return b"{" + b",".join([name + b":" + value for name, value in members]) + b"}"


def batch(choices: Choices, most: int = 500) -> list[bytes | None]:
    """Records as long as there is something to choose, at most ``most``."""
    values: list[bytes | None] = []
    while len(values) < most and choices.more():
        values.append(event(choices))
    return values
