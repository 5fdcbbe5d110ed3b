"""Coverage-guided feeding by atheris, an extra: it finds its own way into what the random engine stumbles on."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

#: Inputs that the first corpus is made of.
_SEEDS: Final = 64


def instrumented() -> Callable[[str], Target]:
    """Import the targets with what they call instrumented; gives a look-up by name.

    Raises:
        ModuleNotFoundError: atheris is not installed.
    """
    atheris = _atheris()
    with atheris.instrument_imports(include=["streams", "agents"]):
        targets = importlib.import_module("tests.fuzz.targets")
    return lambda name: targets.TARGETS[name]


def feed(target: Target, take: Callable[[bytes], int | None], seed: int) -> NoReturn:
    """Let ``take`` have inputs that reach further and further, until it gives the process's exit code."""
    from tests.fuzz.runner import inputs_of  # noqa: PLC0415 - behind the instrumentation

    atheris, corpus = _atheris(), Path(mkdtemp(prefix="fuzz-"))
    for number, data in enumerate(islice(inputs_of(target, seed), _SEEDS)):
        (corpus / f"{number}").write_bytes(data)

    def fed(data: bytes) -> None:
        code = take(data)
        if code is not None:
            rmtree(corpus, ignore_errors=True)
            sys.stdout.flush()
            os._exit(code)  # libFuzzer takes every other end for a crash

    options = [
        sys.argv[0],
        f"-seed={seed % (1 << 32) or 1}",
        f"-max_len={target.size}",
        "-len_control=0",
        "-timeout=60",
        "-verbosity=0",
        "-exact_artifact_path=/dev/null",  # what failed is printed
        str(corpus),
    ]
    atheris.Setup(options, fed)
    atheris.Fuzz()
    raise AssertionError("libFuzzer never comes back")


def _atheris() -> Any:
    return importlib.import_module("atheris")
