from __future__ import annotations

import importlib
import os
import sysconfig
from pathlib import Path

import pytest

from tests.services.parts import ROOT


@pytest.mark.parametrize("package", ["streams", "agents", "dashboards"])
def test_the_tests_run_against_the_code_that_they_claim_to(package: str) -> None:
    """With SLM_TEST_INSTALLED=1 that is the wheel in the environment, otherwise this checkout."""
    installed = os.environ.get("SLM_TEST_INSTALLED") == "1"
    expected = Path(sysconfig.get_path("purelib")) if installed else ROOT
    assert Path(str(importlib.import_module(package).__file__)).parent == expected / package
