"""compose.yaml without an engine: its form, what it refers to, and that nothing listens beyond the loopback."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import orjson
import pytest
import yaml

from agents.cli import main
from agents.settings.settings import SETTINGS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}

every_service = pytest.mark.parametrize("name", list(SERVICES))


def test_the_compose_specification_accepts_it() -> None:
    pytest.importorskip("check_jsonschema", reason="brings the compose specification's JSON Schema")
    schema = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.Draft7Validator(orjson.loads(schema.read_bytes())).validate(COMPOSE)


@every_service
def test_images_have_a_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


def test_our_image_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {service["image"] for service in OURS.values()} == {f"{project['name']}:{project['version']}"}


def test_kafka_has_the_version_that_the_tests_run() -> None:
    pom = ET.fromstring((DEPLOY / "kafka/pom.xml").read_text("utf-8"))  # noqa: S314 - our own file
    version = pom.findtext(".//{*}kafka.version")
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"


@every_service
def test_ports_are_published_on_the_loopback_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_no_port_is_published_twice() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == len(set(published))


@every_service
def test_what_is_mounted_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).resolve().exists(), volume
            assert volume.endswith(":ro"), f"{volume}: files of the project are read, never written"
        else:
            assert source in COMPOSE["volumes"]


def test_every_named_volume_is_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used


@every_service
def test_what_must_be_healthy_first_says_when_it_is(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]


@every_service
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    # Those of our image have the image's.
    assert "healthcheck" in SERVICES[name] or name in OURS


@every_service
def test_no_secret_is_written_down(name: str) -> None:
    for variable in SERVICES[name].get("environment", {}):
        assert not re.search("PASSWORD|TOKEN|SECRET", variable)


@pytest.mark.parametrize("name", list(OURS))
def test_our_commands_are_ones_that_slm_understands(name: str) -> None:
    command, *arguments = OURS[name]["command"]
    with main.make_context("slm", [command, *arguments]) as context:
        found = main.get_command(context, command)
        assert found is not None
        with found.make_context(command, list(arguments)):
            """It parses."""


@pytest.mark.parametrize("name", list(OURS))
def test_our_variables_are_settings(name: str) -> None:
    assert set(OURS[name]["environment"]) <= {setting.variable for setting in SETTINGS}


def test_the_worker_finds_its_standards_where_they_are_mounted() -> None:
    (mount,) = SERVICES["worker"]["volumes"]
    assert mount.endswith(f":{SERVICES['worker']['environment']['SLM_STANDARDS']}:ro")


def test_every_listener_of_kafka_has_a_protocol_and_the_clients_know_their_own() -> None:
    environment = SERVICES["kafka"]["environment"]
    listeners = re.findall(r"(\w+)://", environment["KAFKA_LISTENERS"])
    protocols = dict(pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert set(listeners) == set(protocols)
    assert f"INSIDE://{SERVICES['worker']['environment']['SLM_BROKER']}" in environment["KAFKA_ADVERTISED_LISTENERS"]
