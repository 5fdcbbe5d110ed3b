"""TLS and SASL for the Kafka clients, from one set of settings."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from agents.exits import Fault

if TYPE_CHECKING:
    from agents.settings.settings import Settings


def client_options_aiokafka(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that secure any client of aiokafka.

    Raises:
        Fault: a certificate or key cannot be used.
    """
    return _client_options(settings)


def client_options_kafka_python(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that secure any client of kafka-python; the names are those of aiokafka too.

    Raises:
        Fault: a certificate or key cannot be used.
    """
    return _client_options(settings)


def _client_options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": str(settings.security_protocol)}
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = str(settings.sasl_mechanism)
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password
    return options


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """The TLS context for these settings; the broker's certificate and host name are always checked.

    Raises:
        Fault: a certificate or key cannot be used.
    """
    cafile = settings.ssl_cafile
    try:
        context = ssl.create_default_context(cafile=None if cafile is None else str(cafile))
    except (OSError, ssl.SSLError) as error:
        raise Fault(f"{cafile}: ssl_cafile: {error}; name a file with certificates in PEM form") from None
    if settings.ssl_certfile is not None:
        _load_certificate(context, settings)
    return context


def _load_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    assert settings.ssl_certfile is not None
    try:
        # With an empty password OpenSSL does not ask for one on the terminal.
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, settings.ssl_password or "")
    except (OSError, ssl.SSLError) as error:
        raise Fault(
            f"{settings.ssl_certfile}: ssl_certfile: {error};"
            " name a certificate and its key (ssl_keyfile) in PEM form, and its password (ssl_password_file)"
        ) from None
