"""Logs of nginx, Caddy, AWS, Envoy, Traefik and others: the figures are those that a person counts in them by hand.

Every log goes five ways: through `slm replay`, through the engine in batches of one and as one batch, and rekeyed to
the wire format, in batches of one and as one batch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from agents.cli.commands.check import command as check_command
from agents.cli.commands.replay import command as replay_command
from agents.cli.reference import LOGS
from agents.cli.terminal.replay import print_tables
from agents.files.event_log import EventLog
from agents.replay.replay import Replay, document, replay
from streams.decoding.batch import Batch
from streams.decoding.rekeying import rekey
from streams.engine.engine import Engine
from streams.engine.start import Start
from streams.engine.watermark import TimePolicy
from streams.mappings.mapping import compile_mapping
from streams.slices.ratio import Ratio
from streams.standards.model import Standards
from streams.texts.phrase import Language
from tests.scenarios.logs.formats import (
    FORMATS,
    Figures,
    expected,
    figures,
    left_out,
    lines_of,
    log_of,
    mapped,
    standards_of,
)

REKEYED = "service-level-rekeyed"

every_format = pytest.mark.parametrize("name", FORMATS)


def read(name: str, log: EventLog | None = None) -> Replay:
    standards, topic = mapped(name)
    return replay([log or EventLog(str(log_of(name)))], standards, topic=topic, policy=TimePolicy())


@every_format
def test_replay_says_what_a_person_counts(name: str) -> None:
    _, topic = mapped(name)
    arguments = [str(log_of(name)), "--standards", str(standards_of(name)), "--topic", topic, "--json"]
    done = CliRunner().invoke(replay_command, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    unreadable = left_out(engine.progress for engine in read(name).engines)
    assert figures(said, said["records"].get("left_out", unreadable)) == expected(name)


@every_format
def test_check_finds_every_path(name: str) -> None:
    arguments = [str(standards_of(name)), "--sample", str(log_of(name)), "--json"]
    done = CliRunner().invoke(check_command, arguments, catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    sample = json.loads(done.stdout)["sample"]
    assert [path["path"] for path in sample["paths"] if not path["found"]] == []
    wanted = expected(name)
    assert sample["accepted"] == wanted["records"]["accepted"] + wanted["records"]["duplicates"]
    assert {one["reason"]: one["records"] for one in sample["rejected"]} == wanted["records"]["rejected"]


# -- the way of Kafka ------------------------------------------------------------------------------------------------


def folded(standards: Standards, topic: str, values: Sequence[bytes | None], size: int, policy: TimePolicy) -> Replay:
    """What an engine makes of ``values`` in batches of ``size``."""
    engine = Engine(Start(topic, 0, standards, policy=policy))
    for first in range(0, len(values), size):
        engine.fold(Batch.of(topic, 0, values[first : first + size], first))
        engine.advance()
    return Replay(standards, (engine,))


def figures_of(result: Replay) -> Figures:
    return figures(document(result), left_out(engine.progress for engine in result.engines))


one_or_all = pytest.mark.parametrize("size", [1, 1_000], ids=["one by one", "all at once"])


@one_or_all
@every_format
def test_a_topic_says_the_same_in_batches_of_any_size(name: str, size: int) -> None:
    standards, topic = mapped(name)
    assert figures_of(folded(standards, topic, lines_of(name), size, TimePolicy())) == expected(name)


@one_or_all
@every_format
def test_a_rekeyed_topic_says_the_same_and_counts_what_was_left_out(name: str, size: int) -> None:
    standards, topic = mapped(name)
    rekeyed = rekey(Batch.of(topic, 0, lines_of(name)), compile_mapping(standards.mappings[topic]))
    policy = TimePolicy(lateness_ms=standards.lateness_ms.get(topic, TimePolicy().lateness_ms))
    found = figures_of(folded(standards, REKEYED, [record.value for record in rekeyed.records], size, policy))
    wanted = expected(name)
    # What the mapping dropped ends before; why a record is no event is told in a header, which a letter takes over.
    dropped = wanted["records"].pop("ignored")
    assert (rekeyed.dropped, found["records"].pop("ignored")) == (dropped, 0)
    reasons = [record.reason for record in rekeyed.records if record.reason is not None]
    assert {str(reason): reasons.count(reason) for reason in reasons} == wanted["records"].pop("rejected")
    assert sum(found["records"].pop("rejected").values()) == len(reasons)
    wanted["records"]["read"] -= dropped
    assert found == wanted


# -- one example, to the letter --------------------------------------------------------------------------------------

THREE_REQUESTS = b"""\
{"msec":"1772353807.123","status":"200","upstream_response_time":"0.012"}
{"msec":"1772353807.480","status":"502","upstream_response_time":"-"}
{"msec":"1772353808.016","status":"502","upstream_response_time":"0.000, 0.004"}
"""


def test_a_third_of_three_requests_to_nginx_was_served() -> None:
    standards, topic = mapped("nginx")
    result = folded(standards, topic, THREE_REQUESTS.splitlines(), 1_000, TimePolicy())
    ((step,), (availability, _)) = result.cumulative().steps, result.objectives()
    assert (step.ok, step.failed, step.availability) == (1, 2, Ratio(1, 3))
    assert availability.window == Ratio(1, 3)
    arguments = ["-", "--standards", str(standards_of("nginx")), "--topic", topic]
    shown = CliRunner().invoke(replay_command, arguments, input=THREE_REQUESTS, catch_exceptions=False).stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("shop     pages"))
    assert line.split()[2:5] == ["3", "33.33", "%"]


# -- what the READMEs show -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", LOGS)
def test_the_readme_shows_what_replay_prints(
    name: str, language: Language, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(log_of(name).parent)  # the command shown names the log alone
    print_tables(read(name, EventLog("log.jsonl")), language)
    printed = "".join(f"{line.rstrip()}\n" for line in capsys.readouterr().out.splitlines())
    recorded = log_of(name).with_name(f"{name}.{language}.txt")
    if os.environ.get("SLM_UPDATE_RECORDED"):
        recorded.write_text(printed, "utf-8")
    assert recorded.read_text("utf-8") == printed, "if it should be so, run again with SLM_UPDATE_RECORDED=1"
