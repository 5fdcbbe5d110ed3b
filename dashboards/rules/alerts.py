"""The form of an alerting rule, and how alerts name the partitions that they are about."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dashboards.grafana.queries import Expr
    from streams.texts.phrase import Text

#: Labels of an alert about a source partition; without the worker's address, since the partition may move.
SOURCE: Final = ("job", "topic", "partition")
#: The partition that an alert is about, in both languages.
PARTITION: Final = "partition {{ $labels.partition }} of {{ $labels.topic }}"
PARTITION_ZH: Final = "主题 {{ $labels.topic }} 的分区 {{ $labels.partition }}"


class Severity(enum.StrEnum):
    """Urgency: a person now, or the team during working hours."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule; it fires once ``expr`` has had samples for ``pending``, a duration of Prometheus."""

    name: str
    expr: Expr
    severity: Severity
    pending: str
    summary: Text
    description: Text
