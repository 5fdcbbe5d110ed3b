"""Metrics of the path from a source partition to its figures, and of rekeying."""

from __future__ import annotations

from typing import Final

from streams.conventions.labels import BY_PARTITION
from streams.conventions.metric import Metric, Type

PIPELINE_EVENTS: Final = Metric(
    "slm_pipeline_events_total",
    Type.COUNTER,
    (*BY_PARTITION, "result", "reason"),
    "Records read, by what became of them.",
    "读入的记录数，按处理结果统计。",
)
PIPELINE_UNKNOWN_FIELDS: Final = Metric(
    "slm_pipeline_unknown_fields_total",
    Type.COUNTER,
    BY_PARTITION,
    "Unknown fields ignored in events.",
    "事件中被忽略的未知字段数。",
)
PIPELINE_UNREADABLE: Final = Metric(
    "slm_pipeline_unreadable_values_total",
    Type.COUNTER,
    (*BY_PARTITION, "field", "reason"),
    "Values of optional fields that cannot be read; their events count without them.",
    "无法读取的可选字段值的数量；相应事件仍计入，只是缺少这些值。",
)
PIPELINE_WATERMARK: Final = Metric(
    "slm_pipeline_watermark_timestamp_seconds",
    Type.GAUGE,
    BY_PARTITION,
    "Event time up to which slices are final.",
    "时间片已定稿到的事件时间。",
)
PIPELINE_NEWEST: Final = Metric(
    "slm_pipeline_newest_event_timestamp_seconds",
    Type.GAUGE,
    BY_PARTITION,
    "Newest event time read.",
    "已读到的最新事件时间。",
)
PIPELINE_LAG: Final = Metric(
    "slm_pipeline_lag_records", Type.GAUGE, BY_PARTITION, "Records of the log not yet read.", "日志中尚未读取的记录数。"
)
PIPELINE_OPEN_SLICES: Final = Metric(
    "slm_pipeline_open_slices", Type.GAUGE, BY_PARTITION, "Slices that may still change.", "尚可变化的时间片数。"
)
PIPELINE_FOLD_SECONDS: Final = Metric(
    "slm_pipeline_fold_seconds_total",
    Type.COUNTER,
    (),
    "Seconds spent folding batches into slices.",
    "将批次折叠进时间片所用的秒数。",
)
PIPELINE_OVERFLOWED_LABELS: Final = Metric(
    "slm_pipeline_folded_labels_total",
    Type.COUNTER,
    (*BY_PARTITION, "kind"),
    "Observations counted under the label `other`, since there were too many names of this kind.",
    "因此类名称过多而计入标签 other 的观测数。",
)
PIPELINE_RECOVERING: Final = Metric(
    "slm_pipeline_recovering",
    Type.GAUGE,
    BY_PARTITION,
    "1 while its state is read, or records that this includes are folded again; its services are not shown meanwhile.",
    "读取分区状态或重新折叠其所含记录期间为 1，其间不显示其服务的数值。",
)
PIPELINE_TICKS: Final = Metric(
    "slm_pipeline_ticks_total", Type.COUNTER, (), "Ticks appended to idle partitions.", "写入空闲分区的报时记录数。"
)
REKEY_RECORDS: Final = Metric(
    "slm_rekey_records_total",
    Type.COUNTER,
    ("result",),
    "Records rekeyed, by result: events, rejected ones, and those that were not passed on.",
    "重设键的记录数，按结果统计：事件、被拒绝的记录、未转发的记录。",
)
REKEY_LAG: Final = Metric(
    "slm_rekey_lag_records",
    Type.GAUGE,
    (),
    "Records of this worker's source partitions that are still to be rekeyed.",
    "本工作进程的来源分区中尚待重设键的记录数。",
)
