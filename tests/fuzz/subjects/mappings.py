"""Mappings and conditions that mean harm, applied to documents that mean harm."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec

from agents.cli.terminal.sample import lines
from streams.decoding.decode import decode_values
from streams.events.rejections import BadEvent, Reason, Unreadable
from streams.events.wire_format import parse_document
from streams.mappings import mapping
from streams.mappings.condition_parser import MAX_LENGTH, Malformed, parse_condition, parse_path
from streams.mappings.conditions import Condition, Incomparable, Scalar, predicate, reader
from streams.mappings.mapping import (
    Choice,
    Constant,
    LookupTable,
    Mapper,
    MappingSpec,
    Rule,
    Summed,
    Taken,
    TimeUnit,
    compile_mapping,
)
from streams.mappings.paths import Path
from streams.sampling.sampler import Sampler
from tests.fuzz.choices import Choices, pick
from tests.fuzz.subjects.hostile_events import GOOD, VALUES, changed, event, written

Parsed = TypeVar("Parsed", Condition, Path)

#: Words of conditions and paths; those of documents are among them, so that paths find something.
_WORDS: Final = (
    *(
        "kind",
        "time",
        "service",
        "data",
        "duration",
        "step",
        "class",
        "id",
        "up",
        "of",
        "x",
        "服务",
        "@type",
        "$ref",
        "a-b",
    ),
    *(".", ".", "[", "]", "(", ")", ",", "==", "!=", "<", "<=", ">", ">=", "and", "or", "not", "in", "true", "null"),
    *("0", "1", "-1", "99999999999999999999", "1e99", "1.5", "1e-9", '"x"', "'it\\'s'", '"', "'", "\\", "=", "&", "!"),
    *("[0]", '["data"]', "[0, 1]", '["x", null]', "data.service", "data.duration >= 1", "((((((((", "not not not not"),
    *(" ", "\n", "\x00", "🙂", "\u2028", "x" * 300, "$", "٣"),
)
_SCALARS: Final[tuple[Scalar, ...]] = (
    *(None, True, False, 0, -1, 5, 2**63, 1.5, float("nan"), float("inf"), 1e308, "", "x", "x" * 201, "probe", "case"),
    *("control", "2026-03-01T09:30:00Z", "1772438400", 1_772_438_400, "\x00", "check", "failed", "opened"),
)
_NAMES: Final = tuple(sorted(mapping.FIELDS))
#: Keys with dots in them, and numbers in every disguise.
_DOTTED: Final = (b'"data.service"', b'"data.duration"', b'"x"', b'"duration"', b'"."', b'"a.b.c"', b'""')
_NUMBERS: Final = (
    *(b'"0.1, 0.2 : -"', b'"1, 2"', b'", , "', b'" : "', b"[0.1, [2], null]", b"[]", b'{"b.c":1}', b'{"service":"x"}'),
    *(b'"1e999"', b'"-0"', b'"007"', b'"12ms"', b'""', b'"-"', b"1e300", b"-0.0", b"200.0", b'"' + b"9" * 5_000 + b'"'),
    *(b"9" * 300, b"NaN", b"[NaN]", b'{"service":Infinity}', b'"NaN"', '"١٢"'.encode()),
)


_FOR_PEOPLE: Final = re.compile(r"…|\\|e[+-][0-9]{3}")


class Case(NamedTuple):
    """Texts of conditions and paths, a mapping, and the records that it is applied to."""

    texts: tuple[str, ...]
    spec: MappingSpec
    records: tuple[bytes | None, ...]


def generate(choices: Choices) -> Case:
    """A mapping with a few rules, good ones among them, and a few records."""
    texts = tuple(_text(choices) for _ in range(choices.below(6)))
    rules = {pick(choices, _NAMES): _rule(choices) for _ in range(choices.below(8))}
    if choices.below(4):
        rules |= {"service": Taken(Path(("service",)), otherwise="x"), "time": Taken(Path(("time",)))}
    drops = tuple(condition for _ in range(choices.below(2)) if (condition := _condition(choices)) is not None)
    records = tuple(_record(choices) for _ in range(1 + choices.below(8)))
    return Case(texts, MappingSpec(rules, drops), records)


def _record(choices: Choices) -> bytes | None:
    if choices.below(4) == 0:
        return event(choices)
    inner = written(changed(choices, list(pick(choices, GOOD))))
    extra = [(b'"data"', inner), (b'"x"', pick(choices, VALUES)), (b'"of"', b"[1,null,{}]")]
    extra += [(pick(choices, _DOTTED), pick(choices, _NUMBERS)) for _ in range(choices.below(4))]
    return written(list(pick(choices, GOOD)) + extra[: choices.below(8)])


def _text(choices: Choices) -> str:
    glue = pick(choices, (" ", " ", ""))
    return glue.join(pick(choices, _WORDS) for _ in range(1 + choices.below(9)))


def _condition(choices: Choices) -> Condition | None:
    return _parsed(parse_condition, _text(choices))


def _path(choices: Choices) -> Path:
    return _parsed(parse_path, _text(choices)) or Path((pick(choices, ("data", "duration", "x", "time")),))


def _rule(choices: Choices) -> Rule:
    how, otherwise = choices.below(5), pick(choices, _SCALARS)
    if how == 0:
        return Constant(otherwise)
    if how == 1:
        return Taken(_path(choices), pick(choices, (None, *TimeUnit)), otherwise)
    if how == 2:
        return Summed(_path(choices), pick(choices, (None, *TimeUnit)), otherwise)
    if how == 3:
        table = {pick(choices, ("1", "true", "x", "", "1.5", "ok")): pick(choices, _SCALARS) for _ in range(3)}
        return LookupTable(_path(choices), table, otherwise, exhaustive=bool(choices.below(2)))
    branches = [(_condition(choices), pick(choices, _SCALARS)) for _ in range(choices.below(4))]
    return Choice(tuple((condition, value) for condition, value in branches if condition is not None), otherwise)


def _parsed(parse: Callable[[str], Parsed], text: str) -> Parsed | None:
    """What ``text`` means; None where it is malformed."""
    try:
        return parse(text)
    except Malformed as error:
        told = str(error)
    assert len(told) < MAX_LENGTH + 200, "a message as long as its text"
    return None


def check(case: Case) -> int:
    """Read the texts, apply the mapping. Gives how many texts and records there are."""
    documents = [document for raw in case.records if (document := _document(raw)) is not None]
    for text in case.texts:
        _reads(text, documents)
    mapper = compile_mapping(case.spec)
    for document in documents:
        sought = set(mapper.paths)
        mapped = _mapped(mapper, document, sought)
        assert not any(reader(path)(document) is None for path in set(mapper.paths) - sought)
        assert mapped.keys() <= case.spec.rules.keys()
        assert None not in mapped.values()
        assert all(len(value.detail) < 3 * MAX_LENGTH for value in mapped.values() if isinstance(value, Unreadable))
    decoding = decode_values(case.records, mapper)
    assert len(decoding.events) + len(decoding.rejected) + decoding.ignored == len(case.records)
    assert decoding.positions.tolist() == sorted(set(decoding.positions.tolist()))
    assert all(one.service for one in decoding.events)
    _sampled(case, len(decoding.events))
    return len(case.texts) + len(case.records)


def _sampled(case: Case, events: int) -> None:
    """Show the records as a sample, of which as many are ``events`` as decoding says, and no character steers."""
    records = [raw for raw in case.records if raw is not None]
    sampler = Sampler(case.spec)
    for line, raw in enumerate(records, 1):
        sampler.add(line, raw)
    sample = sampler.sample("log", "topic")
    refused = {each.reason: each.records for each in sample.rejected}
    assert sample.accepted + sample.ignored + sum(refused.values()) == len(records)
    assert sample.accepted + refused.get(Reason.TIME_OUT_OF_RANGE, 0) == events
    assert all(line.isprintable() for line in lines(sample))
    assert msgspec.json.encode(sample)


def _mapped(mapper: Mapper, document: dict[str, object], sought: set[Path]) -> dict[str, object]:
    """What the mapping makes of ``document``; nothing where it drops it, or where it cannot say so."""
    try:
        return mapper.map(document, sought) or {}
    except BadEvent as bad:
        reason = bad.reason
    assert reason is Reason.UNMAPPED
    return {}


def _document(raw: bytes | None) -> dict[str, object] | None:
    try:
        return parse_document(raw)
    except BadEvent:
        return None


def _reads(text: str, documents: list[dict[str, object]]) -> None:
    path = _parsed(parse_path, text)
    assert path is None or parse_path(str(path)) == path, "a path is written as it is read"
    condition = _parsed(parse_condition, text)
    if condition is not None:
        _written_alike(condition)
        holds = predicate(condition)
        for document in documents:
            _asked(holds, document)


def _written_alike(condition: Condition) -> None:
    """A condition is read as it is written, unless that is cut or escaped for people, or has a number of 1e100."""
    text = str(condition)
    if not _FOR_PEOPLE.search(text) and len(text) <= MAX_LENGTH:
        assert parse_condition(text) == condition, "a condition is written as it is read"


def _asked(holds: Callable[[Mapping[str, object]], bool], document: Mapping[str, object]) -> None:
    try:
        told: bool | str = holds(document)
    except Incomparable as error:
        told = str(error)
    assert isinstance(told, bool) or len(told) < 3 * MAX_LENGTH, "a message as long as its document"
