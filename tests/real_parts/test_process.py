from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.parts import ROOT
from tests.services.process import Service, ServiceError
from tests.services.waiting import wait_for

# Starts a service from a thread that ends at once, tells its process id, and waits to be killed.
PARENT = """
import sys, threading
from pathlib import Path
sys.path.append(sys.argv[1])
from tests.services.process import Service
service = Service("sleeper", ["sleep", "600"], Path(sys.argv[2]))
thread = threading.Thread(target=service.start)
thread.start()
thread.join()
print(service.pid, flush=True)
sys.stdin.read()
"""


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_service_outlives_the_thread_that_started_it_but_not_the_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(ROOT), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.kill()
        wait_for(lambda: not runs(pid), f"process {pid} to end with the one that started it")


def test_a_service_that_ends_too_early_is_reported_with_its_log(tmp_path: Path) -> None:
    with (
        Service("shell", ["sh", "-c", "echo out of cheese; exit 3"], tmp_path) as service,
        pytest.raises(ServiceError, match=r"(?s)shell ended with code 3; the end of .*shell\.log:\nout of cheese"),
    ):
        service.wait_until(lambda: False)


def test_a_service_that_is_never_ready_is_reported_with_its_log(tmp_path: Path) -> None:
    with Service("shell", ["sh", "-c", "echo still thinking; exec sleep 600"], tmp_path) as service:
        wait_for(lambda: service.tail() == "still thinking", "the log")
        with pytest.raises(ServiceError, match=r"(?s)waited 0\.1 s for shell to be ready;.*still thinking"):
            service.wait_until(lambda: False, seconds=0.1)
    assert not service.running


def test_a_service_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo ready; while :; do sleep 1; done"
    with Service("stubborn", ["sh", "-c", stubborn], tmp_path) as service:
        wait_for(lambda: service.tail() == "ready", "the log")
        service.terminate(grace=0.2)
        assert not service.running


def test_a_service_is_started_once_and_can_be_started_again(tmp_path: Path) -> None:
    with Service("sleeper", ["sleep", "600"], tmp_path) as service:
        with pytest.raises(ServiceError, match="sleeper is running already"):
            service.start()
        service.terminate()
        assert not service.running
        service.start()
        assert service.running
