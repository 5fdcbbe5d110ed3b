from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from agents.exits import Fault
from agents.kafka.security import client_options_aiokafka, client_options_kafka_python
from agents.settings.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = {"SLM_SASL_USERNAME": "me", "SLM_SASL_PASSWORD": "secret", "SLM_SASL_MECHANISM": "SCRAM-SHA-256"}


@pytest.mark.parametrize(
    ("protocol", "encrypted", "login"),
    [("PLAINTEXT", False, False), ("SSL", True, False), ("SASL_PLAINTEXT", False, True), ("SASL_SSL", True, True)],
)
def test_both_clients_get_what_the_protocol_needs(protocol: str, encrypted: bool, login: bool) -> None:
    settings = Settings.resolve(environ={"SLM_SECURITY_PROTOCOL": protocol, **(LOGIN if login else {})})
    for options in (client_options_aiokafka(settings), client_options_kafka_python(settings)):
        assert options.pop("security_protocol") == protocol
        context = options.pop("ssl_context", None)
        assert (context is not None) == encrypted
        if context is not None:
            assert context.verify_mode is ssl.CERT_REQUIRED
            assert context.check_hostname
        expected = {"sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_username": "me", "sasl_plain_password": "secret"}
        assert options == (expected if login else {})


@pytest.mark.parametrize("name", ["ssl_cafile", "ssl_certfile"])
def test_a_file_that_holds_no_certificate_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "some.pem").write_text("nothing")
    settings = Settings.resolve({"security_protocol": "SSL", name: tmp_path / "some.pem"})
    with pytest.raises(Fault, match=f"some.pem: {name}: .*PEM form"):
        client_options_aiokafka(settings)
