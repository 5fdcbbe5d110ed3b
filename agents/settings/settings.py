"""Settings: one table for options, environment variables, the TOML file and the documentation.

A value comes from the command's option, else from the environment (`SLM_…`), else from the TOML file, else it is the
default. Secrets have no option, since process lists show options; they come from the environment, the TOML file or a
file of their own, and `repr` leaves them out.
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from agents.exits import Fault
from agents.settings.setting import LAST_PORT, PREFIX, Setting, SettingKind, parse
from streams.slices import histogram

# ruff: noqa: RUF009 - the calls make the rows of the table, which are immutable

#: Variable with the path of the TOML file; it is not a setting itself.
CONFIG_VARIABLE: Final = PREFIX + "CONFIG"


class SecurityProtocol(enum.StrEnum):
    """How the connection to the broker is secured, by Kafka's names."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class SaslMechanism(enum.StrEnum):
    """How the client authenticates, by Kafka's names."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


def _setting(
    kind: SettingKind,
    default: str | None,
    meaning: str,
    *,
    choices: type[enum.StrEnum] | None = None,
    secret: bool = False,
    least: int = 0,
) -> Any:  # noqa: ANN401 - as dataclasses.field is typed: the class below states each type
    row = {"kind": kind, "default": default, "meaning": meaning, "secret": secret, "least": least}
    return field(repr=not secret, metadata={**row, "choices": tuple(choices or ())})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. Durations are in seconds where nothing else is said."""

    broker: str = _setting(
        SettingKind.TEXT, "127.0.0.1:9092", "Kafka's addresses, host:port, several separated by commas."
    )
    topics: tuple[str, ...] = _setting(SettingKind.LIST, "service-events", "Topic with events; several are allowed.")
    group: str = _setting(SettingKind.TEXT, "service-level-monitor", "Consumer group that shares the partitions.")
    dead_letters_topic: str = _setting(
        SettingKind.TEXT, "service-level-dead-letters", "Topic that receives rejected events with the reason."
    )
    state_topic: str = _setting(
        SettingKind.TEXT,
        "service-level-state",
        "Topic that keeps what workers need to go on; partition i for partition i.",
    )
    breaches_topic: str = _setting(SettingKind.TEXT, "service-level-breaches", "Topic that receives breaches.")
    audit_topic: str = _setting(
        SettingKind.TEXT, "service-level-audit", "Topic that receives what was decided, and why."
    )
    control_topic: str = _setting(
        SettingKind.TEXT, "service-level-control", "Topic that keeps standards by their digest."
    )
    rekey: bool = _setting(
        SettingKind.SWITCH, "no", "Merge the topics into the rekeyed one, keyed by service, and judge that."
    )
    rekeyed_topic: str = _setting(
        SettingKind.TEXT, "service-level-rekeyed", "Topic that --rekey writes and the worker then reads."
    )
    standards: Path | None = _setting(
        SettingKind.FILE, None, "Standards file; without one everything is measured by default."
    )
    web_host: str = _setting(SettingKind.TEXT, "127.0.0.1", "Address on which the status page and /metrics are served.")
    web_port: int = _setting(SettingKind.PORT, "9464", "Port of the status page and /metrics.", least=1)
    workers: int = _setting(
        SettingKind.COUNT,
        "1",
        "Processes that share the work; each has the next port, and this one a page for all.",
        least=1,
    )
    histogram_bounds: tuple[int, ...] | None = _setting(  # microseconds, see `bounds_us`
        SettingKind.BOUNDS,
        None,
        "Bounds of the histogram at /metrics in seconds, ascending, at most 30, the same for all workers; each moves up"
        " to the next of the fine grid, by 2.2 % at most, so that counts are exact. Default: 1.48 times apart from"
        " 44 ms to 756 s, and a few beyond.",
    )
    lateness: float = _setting(
        SettingKind.DURATION, "60s", "How late an event may arrive; a topic's own in the standards wins."
    )
    max_ahead: float = _setting(
        SettingKind.DURATION,
        "5m",
        "How far an event's time may lie beyond its record's timestamp; more is a dead letter.",
    )
    start_timeout: float = _setting(
        SettingKind.DURATION, "30s", "How long to try to reach the broker and its topics at start."
    )
    stall_timeout: float = _setting(
        SettingKind.DURATION,
        "60s",
        "Unread records and no progress for so long: stalled; for twice as long: the process ends with code 4.",
    )
    session_timeout: float = _setting(
        SettingKind.DURATION, "10s", "Silence after which the group gives this worker's partitions to others."
    )
    heartbeat: float = _setting(
        SettingKind.DURATION, "3s", "Interval of the signs of life; at most a third of the session timeout."
    )
    tick_interval: float = _setting(
        SettingKind.DURATION, "10s", "Idle time after which a tick tells a partition that time has passed."
    )
    batch_records: int = _setting(SettingKind.COUNT, "10000", "Most records folded in one go.", least=1)
    fetch_bytes: int = _setting(
        SettingKind.COUNT, "1048576", "Most bytes fetched from one partition at once; bounds memory.", least=65_536
    )
    security_protocol: SecurityProtocol = _setting(
        SettingKind.TEXT, "PLAINTEXT", "How the connection is secured.", choices=SecurityProtocol
    )
    ssl_cafile: Path | None = _setting(
        SettingKind.FILE, None, "Certificates of the authorities to trust; default: the system's."
    )
    ssl_certfile: Path | None = _setting(SettingKind.FILE, None, "This client's certificate.")
    ssl_keyfile: Path | None = _setting(SettingKind.FILE, None, "Private key of the certificate.")
    ssl_password: str | None = _setting(SettingKind.TEXT, None, "Password of the private key.", secret=True)
    ssl_password_file: Path | None = _setting(
        SettingKind.FILE, None, "File that holds the password of the private key."
    )
    sasl_mechanism: SaslMechanism = _setting(
        SettingKind.TEXT, "PLAIN", "How the client logs in.", choices=SaslMechanism
    )
    sasl_username: str | None = _setting(SettingKind.TEXT, None, "Name to log in with.")
    sasl_password: str | None = _setting(SettingKind.TEXT, None, "Password to log in with.", secret=True)
    sasl_password_file: Path | None = _setting(SettingKind.FILE, None, "File that holds the password to log in with.")

    @property
    def ports(self) -> Sequence[int]:
        """The port of the status page, followed by those of the workers if there are several."""
        return range(self.web_port, self.web_port + 1 + (self.workers if self.workers > 1 else 0))

    @property
    def bounds_us(self) -> tuple[int, ...]:
        """Bounds of the exposed histogram in microseconds, ascending, all on the fine bucket grid."""
        return self.histogram_bounds or histogram.DEFAULT_BOUNDS_US

    @property
    def sources(self) -> tuple[str, ...]:
        """The topics that the worker judges."""
        return (self.rekeyed_topic,) if self.rekey else self.topics

    @property
    def own_topics(self) -> dict[str, str]:
        """The monitor's own topics by the names of their settings, without the rekeyed one, which is a source."""
        names = ("state_topic", "breaches_topic", "audit_topic", "dead_letters_topic", "control_topic")
        return {name: getattr(self, name) for name in names}

    @property
    def bootstrap(self) -> tuple[str, ...]:
        """Addresses of the broker, each ``host:port``."""
        return tuple(address.strip().removeprefix("kafka://") for address in self.broker.split(","))

    @property
    def lateness_ms(self) -> int:
        """Allowed lateness in milliseconds."""
        return round(self.lateness * 1_000)

    @property
    def max_ahead_ms(self) -> int:
        """How far an event's time may lie beyond its record's timestamp, in milliseconds."""
        return round(self.max_ahead * 1_000)

    @classmethod
    def resolve(
        cls,
        options: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        toml_file: Path | None = None,
    ) -> Settings:
        """Settings from a command's ``options`` (by name; None: not given), the environment and a TOML file.

        Raises:
            Fault: a value is bad, a key is unknown, or a file cannot be read; the message names where, what was
                found and what to write.
        """
        sources = (_Options(options or {}), _Environment(environ or {}), _Toml(toml_file))
        values = {setting.name: _first(setting, sources) for setting in SETTINGS}
        settings = cls(**_with_secret_files(values))
        _check_together(settings)
        return settings


def _row(one: Field[Any]) -> Setting:
    return Setting(name=one.name, **one.metadata)


#: The table: one row for each field of `Settings`.
SETTINGS: Final[tuple[Setting, ...]] = tuple(map(_row, fields(Settings)))
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


class _Source:
    """A source of values; ``find`` returns a raw value and a name of its place for messages, or None."""

    def find(self, setting: Setting) -> tuple[object, str] | None:
        raise NotImplementedError


class _Options(_Source):
    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options

    def find(self, setting: Setting) -> tuple[object, str] | None:
        value = self._options.get(setting.name)
        # click passes an empty tuple for a repeatable option that was not given.
        return None if value is None or value == () else (value, setting.option or setting.name)


class _Environment(_Source):
    def __init__(self, environ: Mapping[str, str]) -> None:
        # Unknown names are no error: orchestrators set variables of their own, as SLM_PORT for a service "slm".
        self._environ = environ

    def find(self, setting: Setting) -> tuple[object, str] | None:
        value = self._environ.get(setting.variable)
        return None if value is None else (value, f"environment: {setting.variable}")


class _Toml(_Source):
    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._values = {} if file is None else _read_toml(file)
        for key in self._values:
            if key not in _BY_NAME:
                raise _fault(str(file), key, f"there is no such setting; {_nearest(key, set(_BY_NAME))}")

    def find(self, setting: Setting) -> tuple[object, str] | None:
        if setting.name not in self._values:
            return None
        return self._values[setting.name], f"{self._file}: {setting.name}"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        message = f"{file}: cannot be read ({error.strerror}); name a TOML file with settings after --config"
        raise Fault(message) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fault(f"{file}: not TOML: {error}; write lines as in: web_port = 9464") from None


def _first(setting: Setting, sources: Iterable[_Source]) -> object:
    for source in sources:
        if found := source.find(setting):
            value, place = found
            return parse(setting, value, place)
    return None if setting.default is None else parse(setting, setting.default, "default")


def _with_secret_files(values: dict[str, Any]) -> dict[str, Any]:
    """``values``, with secrets that are only given by a file of their own read from it."""
    for setting in SETTINGS:
        file = values.get(f"{setting.name}_file")
        if setting.secret and file is not None and values[setting.name] is None:
            values[setting.name] = _read_secret(file, f"{setting.name}_file")
    return {name: _typed(name, value) for name, value in values.items()}


def _read_secret(file: Path, name: str) -> str:
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"{file}: {name}: cannot be read ({error}); name a file that holds the secret alone") from None


def _typed(name: str, value: Any) -> Any:  # noqa: ANN401 - values of every type pass
    if name == "security_protocol":
        return SecurityProtocol(value)
    return SaslMechanism(value) if name == "sasl_mechanism" else value


def _check_together(settings: Settings) -> None:
    """Refuse values that are valid each, but not together."""
    sasl = settings.security_protocol.startswith("SASL")
    if sasl and not (settings.sasl_username and settings.sasl_password):
        raise Fault(
            f"security_protocol is {settings.security_protocol}, which needs a login;"
            " set sasl_username, and sasl_password_file or SLM_SASL_PASSWORD"
        )
    if settings.sasl_username and not sasl:
        raise Fault(
            f"sasl_username is set but security_protocol is {settings.security_protocol}, which has no login;"
            " set security_protocol to SASL_SSL"
        )
    if settings.ssl_certfile and not settings.security_protocol.endswith("SSL"):
        raise Fault("ssl_certfile is set but the connection is not encrypted; set security_protocol to SSL or SASL_SSL")
    if settings.heartbeat * 3 > settings.session_timeout:
        raise Fault(
            f"heartbeat is {settings.heartbeat:g}s, more than a third of session_timeout,"
            f' {settings.session_timeout:g}s; write heartbeat = "{settings.session_timeout / 4:g}s"'
        )
    if settings.ports[-1] > LAST_PORT:
        raise Fault(
            f"web_port: found {settings.web_port} for {settings.workers} workers, which take the ports behind it;"
            f" write at most {LAST_PORT - settings.workers}"
        )
    # Tabs separate the parts of the keys of saved rows.
    if not settings.group.isprintable():
        raise Fault(f"group: found {settings.group!r}; write a name without tabs and other control characters")
    _check_addresses(settings)


def _check_addresses(settings: Settings) -> None:
    for address in settings.bootstrap:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise Fault(
                f"broker: found {address!r}; write host:port, as in 127.0.0.1:9092, several separated by commas"
            )


def _nearest(name: str, known: set[str]) -> str:
    import difflib  # noqa: PLC0415 - for an error message alone

    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"write {close[0]}" if close else "leave it out"


def _fault(place: str, key: str, rest: str) -> Fault:
    return Fault(f"{place}: found {key}; {rest}")


assert all(one.default is MISSING for one in fields(Settings)), "defaults stand in the table, as users write them"
