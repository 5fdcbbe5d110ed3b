"""Every metric, label and unit, written once: exposition, dashboards, rules and documentation import them from here.

Names follow Prometheus: base units, `_total`, `_ratio`, `_seconds`; labels are `service`, `step` and at most one more.
Metrics of services, objectives and source partitions are functions of the log: they survive restarts, and only the
current owner of a partition exposes them, once its figures are complete. Metrics of transactions, recovery, ticks and
folding start at zero with the process. Values are never computed here.
"""

from __future__ import annotations

from typing import Final

from streams.conventions.labels import *
from streams.conventions.metric import Metric
from streams.conventions.objectives import *
from streams.conventions.pipeline import *
from streams.conventions.services import *
from streams.conventions.worker import *

#: Every metric, in the order of the exposition.
METRICS: Final[tuple[Metric, ...]] = (
    INTERACTIONS, FAILURES, RESPONSE_TIME, *QUANTILES.values(), RESPONSE_TIME_MAX, RESPONSE_TIME_MIN,
    AVAILABILITY, AVAILABILITY_EVENTS, ABANDONMENT, ABANDONMENT_EVENTS,
    PROBE_AVAILABILITY, PROBE_AVAILABILITY_OBSERVED, PROBE_COVERAGE, PROBE_UP, PROBE_OBSERVED,
    OBJECTIVE_GOOD, OBJECTIVE_EVENTS, OBJECTIVE_RATIO, OBJECTIVE_WINDOW_EVENTS, OBJECTIVE_WINDOW_SECONDS,
    OBJECTIVE_TARGET, BUDGET_REMAINING, OBJECTIVE_ALERTS, BREACH_OPEN,
    PIPELINE_EVENTS, PIPELINE_UNKNOWN_FIELDS, PIPELINE_UNREADABLE, PIPELINE_OVERFLOWED_LABELS,
    PIPELINE_WATERMARK, PIPELINE_NEWEST, PIPELINE_LAG, PIPELINE_OPEN_SLICES, PIPELINE_RECOVERING,
    PIPELINE_FOLD_SECONDS, PIPELINE_TICKS,
    STATE_TRANSACTIONS, STATE_TRANSACTION_SECONDS, STATE_SAVED_OFFSET, STATE_UNSAVED,
    STATE_RECOVERIES, STATE_RECOVERY_SECONDS, STATE_RECOVERY_ROWS,
    REKEY_RECORDS, REKEY_LAG,
    STANDARDS_IN_FORCE, STANDARDS_REFUSED, WORKER_READY, WORKER_STATE, WORKER_WARNING, BUILD,
)  # fmt: skip
