"""Every target, fed by Hypothesis and for a moment at random; and everything that was ever found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decoding.batch import Batch
from streams.decoding.decode import decode_values
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.events import control_records
from streams.mappings.mapping import MappingSpec, Taken, compile_mapping
from streams.mappings.paths import Path
from streams.standards.load import load
from streams.standards.problems import locate
from streams.standards.problems.problems import MOST_PROBLEMS, StandardsError
from streams.state import framing
from streams.state.framing import row_parts
from streams.state.rows import StateUnusable
from streams.state.rows import load as load_state
from tests.fuzz import __main__ as command
from tests.fuzz.choices import FromBytes, FromHypothesis
from tests.fuzz.runner import Run, inputs_of
from tests.fuzz.subjects import state_rows
from tests.fuzz.subjects.folding import STANDARDS
from tests.fuzz.targets import TARGETS, Target

#: Subjects that a target is fed with here: by Hypothesis, and at random.
FEW = {"events": (150, 40), "folding": (25, 20), "mappings": (150, 150), "standards": (250, 150), "rows": (60, 40)}
FEW |= {"endpoints": (20, 12), "floods": (10, 20)}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_deals_with_whatever_hypothesis_thinks_of(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=FEW[name][0], deadline=None)
    @given(st.data())
    def deals(data: st.DataObject) -> None:
        target.check(target.generate(FromHypothesis(data)))

    deals()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_deals_with_what_comes_at_random(name: str) -> None:
    target = TARGETS[name]
    run = Run(target, 1)
    failures = [failure for data in islice(inputs_of(target, 7), FEW[name][1]) if (failure := run.feed(data))]
    assert not failures, failures[0]
    assert run.tally.inputs >= FEW[name][1]


# -- what targets notice ----------------------------------------------------------------------------------------------


def trusting(name: bytes, value: bytes) -> framing._Part:
    """A part is what its header says."""
    _, _, number, count, _, whole = framing._HEADER.unpack_from(value.ljust(framing._HEADER.size))
    return framing._Part(number, count, whole, value[framing._HEADER.size :])


@pytest.mark.parametrize(
    ("name", "part", "instead"),
    [
        ("rows", "streams.state.framing._open_part", trusting),
        ("events", "streams.decoding.decode.require_complete", lambda _event: None),
        ("folding", "streams.engine.engine.dead_letters", lambda _batch, _rejected: []),
        ("folding", "streams.slices.history.History.restore", lambda *_: None),
        ("mappings", "streams.decoding.decode.from_document", lambda document: document["service"]),
        ("standards", "streams.standards.problems.problems.one_line", str),
        ("endpoints", "agents.web.page.HEADERS", {}),
        ("floods", "streams.routing.series_catalogue._Admissions.room", lambda *_: True),
    ],
    ids=["checksums", "completeness", "dead letters", "saved slices", "a mapping", "one line", "headers", "caps"],
)
def test_a_target_notices_what_is_broken(
    name: str, part: str, instead: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, instead)
    run = Run(replace(TARGETS[name], seconds=60), 1)
    assert any(run.feed(data) for data in islice(inputs_of(TARGETS[name], 3), 400))


# -- the runner itself ------------------------------------------------------------------------------------------------


def broken(check: Callable[[bytes], int], seconds: float = 1.0) -> Target:
    return Target("octets", lambda choices: choices.octets(200), check, 100, seconds)


def refuse_seven(data: bytes) -> int:
    if 7 in data:
        raise ValueError("a seven")
    return 1


def never_end(data: bytes) -> int:
    while True:
        pass


def test_a_failure_is_found_made_short_and_told() -> None:
    failure = Run(broken(refuse_seven), 1).feed(bytes([20, *range(20)]))
    assert failure is not None
    assert len(failure.data) <= 9
    assert "ValueError: a seven" in failure.told


def test_what_never_ends_is_ended() -> None:
    failure = Run(broken(never_end, seconds=0.05), 1).feed(b"x")
    assert failure is not None
    assert "Hang: longer than 0.05 s" in failure.told


def test_memory_that_grows_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []

    def keep(data: bytes) -> int:
        kept.append(np.ones(1_000_000))
        return 1

    monkeypatch.setattr("tests.fuzz.runner.MOST_GROWTH", 1 << 22)
    run = Run(broken(keep), 1)
    assert any(failure and "memory has grown" in failure.told for failure in map(run.feed, [b""] * 100))


def test_the_same_seed_gives_the_same_inputs() -> None:
    one, other, third = (list(islice(inputs_of(TARGETS["events"], seed), 5)) for seed in (1, 1, 2))
    assert one == other != third


def test_exhausted_bytes_give_the_first_option() -> None:
    choices = FromBytes(b"\x05")
    assert (choices.below(4), choices.more(), choices.below(4), choices.octets(9)) == (1, False, 0, b"")


def test_the_command_ends_with_the_outcome_and_repeats_a_single_input(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(command.main, ["mappings", "--inputs", "50"])
    outcome = orjson.loads(result.stdout.splitlines()[-1])
    assert (outcome["target"], outcome["failures"]) == ("mappings", 0)
    assert outcome["inputs"] >= 50
    assert "nothing is wrong" in CliRunner().invoke(command.main, ["events", "--input", r"b'\x01\xff'"]).stdout
    monkeypatch.setitem(TARGETS, "events", broken(refuse_seven))
    result = CliRunner().invoke(command.main, ["events"])
    assert result.exit_code == 1
    assert "again: python -m tests.fuzz events --input" in result.stderr


def test_the_command_knows_every_target() -> None:
    assert tuple(TARGETS) == command.NAMES


# -- what was found ---------------------------------------------------------------------------------------------------

BARE = compile_mapping(MappingSpec({"service": Taken(Path(("service",))), "time": Taken(Path(("time",)))}))


@pytest.mark.parametrize("kind", ["{}", "[]", "[1]", "null", "1.5"])
def test_a_control_record_of_an_odd_type_in_a_mapped_topic_is_no_more_than_unfit(kind: str) -> None:
    decoding = decode_values([b'{"kind":"control","type":%b}' % kind.encode()], BARE)
    assert len(decoding.rejected) == 1


def test_a_tick_from_the_end_of_time_moves_the_watermark_to_the_last_event_time_there_is_at_most() -> None:
    values = [b'{"time":1772438400,"service":"desk","kind":"probe","up":false}', control_records.tick()]
    engine = Engine(Start("events", 0, STANDARDS["utc"], book=STANDARDS.get))
    engine.fold(Batch.of("events", 0, values, 0, [1_772_438_400_000, 2**63 - 1]))
    engine.advance()
    assert engine.watermark.frontier_ms == 32_503_680_000_000
    engine.fold(Batch.of("events", 0, [control_records.standards("ny", 1), values[0]], 2, [1_772_438_400_000] * 2))
    assert engine.progress.records == 4


def forged(row: bytes, old: bytes, new: bytes) -> dict[bytes, bytes]:
    """Saved records in which ``row`` says ``new`` in place of ``old``, with checksums that hold."""
    world = state_rows.world()
    content = world.contents[row].replace(old, new, 1)
    assert content != world.contents[row]
    kept = {name: value for name, value in world.records.items() if name.partition(b"#")[0] != row}
    return kept | {name: value for name, value in row_parts(row, content) if value is not None}


@pytest.mark.parametrize(
    ("row", "old", "new"),
    [
        (b"m/0", b'["step","', b'["step","another '),
        (b"p", b'"frontier_ms":', b'"frontier_ms":99'),
        (b"p", b'"closed_ms":', b'"closed_ms":-9999'),
        (b"p", b'"lateness_ms":', b'"lateness_ms":-'),
        (b"p", b'"floor_ms":', b'"floor_ms":9223372036854775807,"x":'),
    ],
)
def test_a_forged_row_that_no_engine_could_work_with_is_unusable(row: bytes, old: bytes, new: bytes) -> None:
    with pytest.raises(StateUnusable):
        load_state(forged(row, old, new))


def test_a_slice_at_a_time_that_no_calendar_has_is_damaged() -> None:
    world = state_rows.world()
    row = next(name for name in sorted(world.contents) if name.startswith(b"s/c"))
    start = row.rpartition(b"/")[2]
    loaded = load_state(forged(row, b'"end":', b'"end":99999') | {})
    assert row in loaded.damaged, start


@pytest.mark.parametrize("text", ['version: 1\nservices: {a: {owner: "\\ud800"}}', '"\\udfff": 1'])
def test_half_a_character_is_a_problem_with_either_parser(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml  # noqa: PLC0415 - its own parser, which lets it pass

    for loader in (locate._LOADER, yaml.SafeLoader):
        monkeypatch.setattr(locate, "_LOADER", loader)
        with pytest.raises(StandardsError):
            load(text, file="standards.yaml")


TABLE = ", ".join(f"k{number}: okk" for number in range(20_000))
RANGES = ", ".join(["2026-01-01..2026-12-31"] * 20_000)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n" + "".join(f"x{number}: y\n" for number in range(3_000)),
        "version: 1\n" + "a: 1\n" * 3_000,
        f"version: 1\ntopics: {{t: {{mapping: {{outcome: {{path: a, table: {{{TABLE}}}}}}}}}}}\n",
        f"version: 1\ncalendars: {{c: {{holidays: [{RANGES}], workdays: [{RANGES}]}}}}\n",
    ],
    ids=["unknown keys", "one key again and again", "a table of misspellings", "ranges of dates"],
)
def test_a_file_with_very_many_problems_tells_the_first_of_them(text: str) -> None:
    with pytest.raises(StandardsError) as refused:
        load(text, file="standards.yaml")
    assert 1 <= len(refused.value.problems) <= MOST_PROBLEMS
