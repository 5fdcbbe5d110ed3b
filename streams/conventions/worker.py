"""Metrics of saved state, recovery, standards and the worker."""

from __future__ import annotations

from typing import Final

from streams.conventions.labels import BY_PARTITION
from streams.conventions.metric import Metric, Type

STATE_TRANSACTIONS: Final = Metric(
    "slm_state_transactions_total",
    Type.COUNTER,
    ("result",),
    "Transactions that write state and what was concluded, by result.",
    "写入状态与结论的事务数，按结果统计。",
)
STATE_TRANSACTION_SECONDS: Final = Metric(
    "slm_state_transaction_seconds_total",
    Type.COUNTER,
    (),
    "Seconds spent in transactions, failed ones included.",
    "事务所用的秒数，包括失败的事务。",
)
STATE_SAVED_OFFSET: Final = Metric(
    "slm_state_saved_offset",
    Type.GAUGE,
    BY_PARTITION,
    "Offset after the last record that a committed transaction includes.",
    "已提交事务所含最后一条记录之后的位移。",
)
STATE_UNSAVED: Final = Metric(
    "slm_state_unsaved_records",
    Type.GAUGE,
    BY_PARTITION,
    "Records folded since the last committed transaction.",
    "自上次提交事务以来折叠的记录数。",
)
STATE_RECOVERIES: Final = Metric(
    "slm_state_recoveries_total", Type.COUNTER, (), "Partitions whose state was recovered.", "已恢复状态的分区数。"
)
STATE_RECOVERY_SECONDS: Final = Metric(
    "slm_state_last_recovery_seconds",
    Type.GAUGE,
    (),
    "Seconds that the last recovery took until figures were complete.",
    "最近一次恢复直至数值完整所用的秒数。",
)
STATE_RECOVERY_ROWS: Final = Metric(
    "slm_state_last_recovery_rows", Type.GAUGE, (), "Rows read by the last recovery.", "最近一次恢复读取的行数。"
)
STANDARDS_IN_FORCE: Final = Metric(
    "slm_standards_info",
    Type.INFO,
    (*BY_PARTITION, "standards"),
    "Digest of the standards in force for the partition.",
    "分区所执行标准的摘要。",
)
STANDARDS_REFUSED: Final = Metric(
    "slm_standards_refused",
    Type.GAUGE,
    (),
    "1 while the worker refuses its standards file, so that earlier standards stay.",
    "工作进程拒绝其标准文件、沿用原标准期间为 1。",
)
WORKER_STATE: Final = Metric(
    "slm_worker_state",
    Type.GAUGE,
    ("state",),
    "1 for the state that the worker is in, 0 for the others.",
    "工作进程当前所处的状态为 1，其余为 0。",
)
WORKER_READY: Final = Metric(
    "slm_worker_ready",
    Type.GAUGE,
    (),
    "1 while every assigned partition has been recovered and caught up.",
    "所有分配的分区均已恢复并追上时为 1。",
)
WORKER_WARNING: Final = Metric(
    "slm_worker_warning",
    Type.GAUGE,
    ("warning",),
    "1 while the worker runs with this warning; the status page says what to do.",
    "工作进程带有此警告时为 1，处理办法见状态页。",
)
BUILD: Final = Metric(
    "slm_build_info",
    Type.INFO,
    ("version", "standards"),
    "Version, and digest of the worker's own standards file.",
    "版本，以及工作进程自身标准文件的摘要。",
)
