from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.cli.commands.run import command
from agents.exits import Fault
from agents.settings.settings import SETTINGS, SaslMechanism, SecurityProtocol, Settings
from streams.slices.histogram import DEFAULT_BOUNDS_US

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "slm.toml"


@pytest.mark.parametrize(
    ("option", "variable", "line", "port"),
    [
        (None, None, "", 9464),
        (None, None, "web_port = 1", 1),
        (None, "2", "web_port = 1", 2),
        ("3", "2", "web_port = 1", 3),
        ("3", None, "", 3),
    ],
    ids=[
        "the default holds where nothing is said",
        "the file beats the default",
        "the environment beats the file",
        "the option beats the environment",
        "the option beats the default",
    ],
)
def test_precedence(toml: Path, option: str | None, variable: str | None, line: str, port: int) -> None:
    toml.write_text(line)
    environ = {} if variable is None else {"SLM_WEB_PORT": variable}
    assert Settings.resolve({"web_port": option}, environ, toml).web_port == port


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('topics = ["b", "a", "b"]', ("a", "b")),
        ('topics = "one, two"', ("one", "two")),
        ('topics = ["one"]', ("one",)),
    ],
    ids=["a list has each once, sorted", "a text is split at commas", "a list may have one"],
)
def test_topics(toml: Path, line: str, expected: tuple[str, ...]) -> None:
    toml.write_text(line)
    assert Settings.resolve(toml_file=toml).topics == expected


@pytest.mark.parametrize(
    "line",
    [
        "histogram_bounds = [0.1, 0.5, 1, 10]",
        'histogram_bounds = "0.1, 0.5,1,10"',
        'histogram_bounds = ["0.1", 0.5, 1, 10]',
    ],
    ids=["numbers", "a text is split at commas", "texts and numbers"],
)
def test_bounds_of_the_histogram_move_up_to_the_fine_grid(toml: Path, line: str) -> None:
    toml.write_text(line)
    assert Settings.resolve(toml_file=toml).bounds_us == (100_655, 500_000, 1_000_000, 10_152_407)


def test_where_no_bounds_are_set_there_are_the_default_ones() -> None:
    assert Settings.resolve().bounds_us == DEFAULT_BOUNDS_US
    assert Settings.resolve({"histogram_bounds": "1"}, {"SLM_HISTOGRAM_BOUNDS": "2"}).bounds_us == (1_000_000,)
    assert Settings.resolve({}, {"SLM_HISTOGRAM_BOUNDS": "2"}).bounds_us == (2_000_000,)


def test_an_option_that_was_not_used_leaves_the_topics_alone() -> None:
    assert Settings.resolve({"topics": ()}, {"SLM_TOPICS": "x"}).topics == ("x",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("web_prot = 1", "slm.toml: found web_prot; there is no such setting; write web_port"),
        ("zzzzzz = 1", "slm.toml: found zzzzzz; there is no such setting; leave it out"),
        ("web_port = 0", "slm.toml: web_port: found 0; write a whole number of at least 1"),
        ("web_port = 70000", "slm.toml: web_port: found 70000; write a port from 1 to 65535"),
        ("web_port = true", "slm.toml: web_port: found True; write a whole number, as in 9464"),
        ("lateness = 60", "slm.toml: lateness: found 60; a duration has a number and a unit; write 60s"),
        ('broker = "kafka"', "broker: found 'kafka'; write host:port"),
        ('group = " "', "slm.toml: group: found ' '; write a text that is not empty"),
        ("topics = []", "slm.toml: topics: found []; write a list, as in"),
        (
            "histogram_bounds = 1",
            "slm.toml: histogram_bounds: found 1; write bounds in seconds, ascending, as in 0.1, 0.5",
        ),
        ("histogram_bounds = [true]", "found [True]; True is no number of seconds; write bounds as in 0.1, 0.5, 1, 5"),
        ('histogram_bounds = "1,,2"', "found '1,,2'; '' is no number of seconds; write bounds as in 0.1, 0.5, 1, 5"),
        ("histogram_bounds = [1, inf]", "inf is no number of seconds; write bounds as in 0.1, 0.5, 1, 5"),
        ("histogram_bounds = [1, 0.5]", "0.5 follows 1, but bounds ascend; write each once, the smallest first"),
        ("histogram_bounds = []", "these are 0 bounds; write 1 to 30, for each is a series of every step"),
        ('security_protocol = "TLS"', "slm.toml: security_protocol: found 'TLS'; write one of PLAINTEXT, SSL,"),
        ('sasl_password = ""', "slm.toml: sasl_password: found a value; write a text that is not empty"),
        ('group = "a\\tb"', r"group: found 'a\tb'; write a name without tabs"),
        ('heartbeat = "4s"', "heartbeat is 4s, more than a third of session_timeout, 10s"),
        (
            "web_port = 65533\nworkers = 3",
            "web_port: found 65533 for 3 workers, which take the ports behind it; write at most 65532",
        ),
        ('security_protocol = "SASL_SSL"', "which needs a login; set sasl_username, and sasl_password_file"),
        ('sasl_username = "me"', "which has no login; set security_protocol to SASL_SSL"),
        ('ssl_certfile = "cert.pem"', "the connection is not encrypted; set security_protocol to SSL"),
        ("web_port 1", "slm.toml: not TOML:"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_write(toml: Path, line: str, message: str) -> None:
    toml.write_text(line)
    with pytest.raises(Fault) as caught:
        Settings.resolve(toml_file=toml)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2


def test_a_bad_value_of_the_environment_names_the_variable() -> None:
    with pytest.raises(Fault, match="environment: SLM_WEB_PORT: found 'x'; write a whole number"):
        Settings.resolve(environ={"SLM_WEB_PORT": "x"})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"none\.toml: cannot be read"):
        Settings.resolve(toml_file=tmp_path / "none.toml")


SECRET = "correct horse"  # noqa: S105 - made up


@pytest.mark.parametrize("source", ["environment", "toml", "file"])
def test_secrets_come_from_three_places_and_are_never_shown(source: str, toml: Path, tmp_path: Path) -> None:
    environ = {"SLM_SECURITY_PROTOCOL": "sasl_ssl", "SLM_SASL_USERNAME": "me", "SLM_SASL_MECHANISM": "scram-sha-512"}
    toml.write_text("")
    if source == "environment":
        environ["SLM_SASL_PASSWORD"] = SECRET
    elif source == "toml":
        toml.write_text(f'sasl_password = "{SECRET}"')
    else:
        (tmp_path / "secret").write_text(SECRET + "\n")
        environ["SLM_SASL_PASSWORD_FILE"] = str(tmp_path / "secret")
    settings = Settings.resolve(environ=environ, toml_file=toml)
    assert settings.sasl_password == SECRET
    assert settings.sasl_mechanism is SaslMechanism.SCRAM_SHA_512
    assert settings.security_protocol is SecurityProtocol.SASL_SSL
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


def test_secrets_have_no_option_since_process_lists_show_options() -> None:
    secrets = {row.name for row in SETTINGS if row.secret}
    assert secrets == {"ssl_password", "sasl_password"}
    assert all(row.option is None for row in SETTINGS if row.secret)
    assert secrets.isdisjoint(parameter.name for parameter in command.params)


def test_every_other_setting_has_an_option_of_slm_run_a_variable_and_a_meaning() -> None:
    options = {parameter.name: parameter for parameter in command.params}
    for row in SETTINGS:
        assert row.meaning.endswith("."), row.name
        assert row.variable == f"SLM_{row.name.upper()}"
        if not row.secret:
            assert row.option in options[row.name].opts


def test_addresses_may_be_written_as_urls() -> None:
    settings = Settings.resolve({"broker": "kafka://a:1, b:2"})
    assert settings.bootstrap == ("a:1", "b:2")
