"""`slm demo` as its user runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from agents.cli import main
from agents.demo.demonstration import TOPICS, free_port
from agents.demo.publisher import TOPIC
from agents.exits import Exit, Fault
from tests.services.loopback import HOST, fetch, fetch_json, free_ports
from tests.services.waiting import wait_for
from tests.services.worker import SLM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.services.kafka import Kafka

DEMO_TOPICS = {TOPIC, *TOPICS.values()}


class Demo:
    """`slm demo` on a free port as a process; killed at the end of the ``with`` statement."""

    def __init__(self, folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        (self.port,) = free_ports(1)
        self._output = folder / "output"
        command = [*SLM, "demo", "--web-port", str(self.port), *arguments]
        # A broker in the environment is not meant for the demo; without --broker it takes its own.
        environment = {**os.environ, "SLM_BROKER": "192.0.2.1:9092", **(environ or {})}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def output(self) -> str:
        return self._output.read_text("utf-8")

    def steps(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Figures of the last five minutes by service and step, as the status page has them; none until it answers."""
        try:
            status = fetch_json(f"http://{HOST}:{self.port}/api/status")
        except OSError:
            return {}
        services = status["services"]
        return {(s["name"], step["name"]): step["windows"]["5m"] for s in services for step in s["steps"]}

    def wait_for_figures(self) -> dict[tuple[str, str], dict[str, Any]]:
        def served() -> dict[tuple[str, str], dict[str, Any]] | None:
            steps = self.steps()
            wanted = {("payments", "authorise"), ("hotline", "answer"), ("hotel", "check-in")}
            return steps if all(steps.get(step, {}).get("ok") for step in wanted) else None

        return wait_for(served, "figures of all three services", seconds=60)

    def end(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)


def test_figures_move_on_page_and_metrics_and_an_interrupt_ends_it(tmp_path: Path) -> None:
    with Demo(tmp_path, environ={"SLM_HISTOGRAM_BOUNDS": "0.1, 1, 10"}) as demo:
        before = demo.wait_for_figures()["payments", "authorise"]["ok"]
        wait_for(lambda: demo.steps()["payments", "authorise"]["ok"] > before, "figures to move")
        metrics = fetch(f"http://{HOST}:{demo.port}/metrics").decode()
        assert re.search(r'slm_interactions_total\{.*service="payments".*\} [1-9]', metrics)
        assert set(re.findall(r'le="([^"]+)"', metrics)) == {"0.100655", "1.0", "10.152407", "+Inf"}
        judged = {"requests-succeed", "requests-succeed-this-month"}  # they measure the same
        happened = sum(figures(metrics, "slm_interactions_total", service="payments"))
        for objective in judged:
            assert figures(metrics, "slm_objective_events_total", objective=objective) == [happened]
        assert b"<html" in fetch(f"http://{HOST}:{demo.port}/")
        assert fetch_json(f"http://{HOST}:{demo.port}/api/status")["worker"]["ephemeral"] is True
        demo.process.send_signal(signal.SIGINT)
        assert demo.end() == Exit.INTERRUPTED
        assert "Traceback" not in demo.output


def figures(metrics: str, name: str, **labels: str) -> list[float]:
    """Values of the samples of ``name`` that have these labels."""
    families = text_string_to_metric_families(metrics)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return [one.value for one in samples if labels.items() <= one.labels.items()]


def test_it_ends_by_itself_with_a_summary(tmp_path: Path) -> None:
    with Demo(tmp_path, "--seconds", "12", "--rate", "300", "--seed", "7") as demo:
        assert demo.end() == Exit.DONE, demo.output
        output = demo.output
    assert f"Status page: http://{HOST}:{demo.port}/" in output
    assert output.count("the broker runs inside this process and keeps nothing") == 1
    assert re.search(r"payments authorise +[1-9]", output)
    assert "hotline: Answered within 10 s of ringing" in output


def test_a_port_that_is_taken_is_passed_over_and_named(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with Demo(tmp_path, "--seconds", "1", "--web-port", str(port)) as demo:
            assert demo.end() == Exit.DONE, demo.output
        found = re.search(rf"port {port} is taken; the status page is on (\d+)", demo.output)
        assert found is not None
        assert f"Status page: http://{HOST}:{found[1]}/" in demo.output


def test_where_every_port_is_taken_it_says_so() -> None:
    with pytest.raises(Fault, match="choose another with --web-port"):
        free_port("192.0.2.1", 9464)  # an address of no machine


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    result = CliRunner().invoke(main, ["demo", "--seconds", "1"], catch_exceptions=False)
    assert result.exit_code == Exit.UNAVAILABLE
    assert "pip install 'service-level-monitor[demo]'" in result.stderr


@pytest.mark.parametrize("option", ["--seconds", "--rate", "--seed", "--web-port"])
def test_numbers_must_make_sense(option: str) -> None:
    result = CliRunner().invoke(main, ["demo", option, "-1"], catch_exceptions=False)
    assert result.exit_code == Exit.USAGE
    assert option in result.stderr


@pytest.fixture
def cleared(kafka: Kafka) -> Iterator[None]:
    """No topics of a demo before; they are removed afterwards."""

    def clear() -> None:
        with closing(kafka.admin()) as admin:
            left = DEMO_TOPICS & set(admin.list_topics())
            if left:
                admin.delete_topics(sorted(left))
            wait_for(lambda: not DEMO_TOPICS & set(admin.list_topics()), "the demo's topics to be gone")

    clear()
    yield
    clear()


def test_a_real_kafka_gets_the_topics_and_the_events(tmp_path: Path, kafka: Kafka, cleared: None) -> None:
    with Demo(tmp_path, "--broker", f"kafka://{kafka.bootstrap}") as demo:
        demo.wait_for_figures()
        demo.process.send_signal(signal.SIGTERM)
        assert demo.end() == Exit.DONE, demo.output
    for topic in DEMO_TOPICS:
        assert f"created the topic {topic}" in demo.output
    assert "keeps nothing" not in demo.output
    assert len(kafka.describe_topic(TOPIC)) == 4


def test_without_the_kafka_that_was_named_it_ends_with_code_3() -> None:
    arguments = ["--broker", f"{HOST}:{free_ports(1)[0]}", "--start-timeout", "300ms"]
    result = CliRunner().invoke(main, ["demo", *arguments], catch_exceptions=False)
    assert result.exit_code == Exit.UNAVAILABLE
    assert "no Kafka broker answered at" in result.stderr
