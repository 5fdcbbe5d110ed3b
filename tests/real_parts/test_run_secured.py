"""TLS and logins, on a Kafka whose clients must bring both."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from tests.real_parts.traffic import accepted, events, send, source
from tests.services.kafka import KafkaCluster
from tests.services.loopback import HOST, free_ports
from tests.services.parts import require
from tests.services.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "monitor", "battery staple"  # made up


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secured")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key, in one PEM file each."""
    names = ["-subj", "/CN=slm test", "-addext", f"subjectAltName=IP:{HOST}"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*made, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder / "cert.pem"


@pytest.fixture(scope="module")
def secured(folder: Path, certificate: Path) -> Iterator[tuple[KafkaCluster, str]]:
    """A broker with a listener for administration, and the address of another that takes TLS and SCRAM alone."""
    require("kafka")
    (port,) = free_ports(1)
    (folder / "store.pem").write_text((folder / "key.pem").read_text() + certificate.read_text())
    settings = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL",
        "listener.name.secured.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.secured.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "store.pem",
    }
    data = folder / "kafka"
    data.mkdir()
    cluster = KafkaCluster(data, settings=settings)
    (node,) = cluster._nodes.values()
    listeners = f"PLAINTEXT://{node.address},CONTROLLER://{HOST}:{node.controller_port},SECURED://{HOST}:{port}"
    cluster._settings["listeners"] = listeners
    with cluster:
        with closing(cluster.admin()) as admin:
            scram = UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_512, PASSWORD)
            admin.alter_user_scram_credentials([scram])
        yield cluster, f"{HOST}:{port}"


def login(certificate: Path, secret: Path) -> list[str]:
    given = {
        "--security-protocol": "SASL_SSL",
        "--ssl-cafile": str(certificate),
        "--sasl-mechanism": "SCRAM-SHA-512",
        "--sasl-username": USER,
        "--sasl-password-file": str(secret),
    }
    return [word for option in given.items() for word in option]


def test_a_worker_reads_and_writes_dead_letters_over_tls_with_a_login(
    secured: tuple[KafkaCluster, str], certificate: Path, tmp_path: Path
) -> None:
    cluster, address = secured
    topic, letters = source(cluster, 2), cluster.create_topic()
    send(cluster.bootstrap, topic, [*events(500), (b"k", b"junk")])
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    options = [*login(certificate, tmp_path / "secret"), "--dead-letters-topic", letters]
    with Worker(tmp_path, address, [topic], group="secured", options=options) as worker:
        worker.wait_until_ready(partitions=2)
        assert accepted(worker) == 500
        assert worker.end() == 0
        assert PASSWORD not in worker.service.tail()


@pytest.mark.parametrize("mistake", ["password", "authority"])
def test_a_login_that_is_refused_ends_the_worker_with_code_3(
    secured: tuple[KafkaCluster, str], certificate: Path, tmp_path: Path, mistake: str
) -> None:
    cluster, address = secured
    (tmp_path / "secret").write_text("wrong" if mistake == "password" else PASSWORD)
    options = login(certificate, tmp_path / "secret")
    if mistake == "authority":
        cut = options.index("--ssl-cafile")
        del options[cut : cut + 2]
    options += ["--start-timeout", "3s"]
    with Worker(tmp_path, address, [source(cluster, 1)], group="refused", options=options) as worker:
        assert worker.exit_code() == 3
        last = worker.service.tail().splitlines()[-1]
    assert f"no Kafka broker answered at {address} within 3 s" in last
