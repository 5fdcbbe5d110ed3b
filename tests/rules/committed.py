"""The committed rules, and the scenarios by which promtool tests them."""

from __future__ import annotations

from pathlib import Path

from tests.services.parts import ROOT

RULES = ROOT / "deploy/prometheus/rules/service-levels.yml"
SCENARIOS = sorted(Path(__file__).parent.glob("*.yml"))
