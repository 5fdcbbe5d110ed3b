"""`slm topics` as its user runs it, as far as it gets without Kafka. With one: tests/real_parts/test_topics.py."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from agents.exits import Exit
from tests.services.loopback import HOST, free_ports


def slm(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["topics", *arguments], catch_exceptions=False)


def test_without_a_broker_it_ends_with_code_3() -> None:
    result = slm("--broker", f"{HOST}:{free_ports(1)[0]}", "--start-timeout", "300ms")
    assert (result.exit_code, result.stdout) == (Exit.UNAVAILABLE, "")
    assert "no Kafka broker answered at" in result.stderr


@pytest.mark.parametrize("option", ["--partitions", "--replication"])
def test_numbers_begin_at_one(option: str) -> None:
    result = slm(option, "0")
    assert result.exit_code == Exit.USAGE
    assert option in result.stderr
