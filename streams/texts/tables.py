"""Headings and sentences of tables on a terminal."""

from __future__ import annotations

import enum

from streams.texts.phrase import Phrase, Text


@enum.unique
class Tables(Phrase):
    """Headings of tables, and the sentences below them."""

    COLUMN_SERVICE = Text("Service", "服务")
    COLUMN_STEP = Text("Step", "环节")
    COLUMN_INTERACTIONS = Text("Interactions", "接触")
    COLUMN_AVAILABILITY = Text("Availability", "可用性")
    COLUMN_UPTIME = Text("Up / observed", "探测正常 / 观测")
    COLUMN_ABANDONED = Text("Abandoned", "放弃")
    COLUMN_MEDIAN = Text("p50", "p50")
    COLUMN_P95 = Text("p95", "p95")
    COLUMN_LONGEST = Text("Longest", "最长")
    COLUMN_FAIL_POINTS = Text("Fail points", "失败点")
    COLUMN_OBJECTIVE = Text("Objective", "目标")
    COLUMN_ATTAINED = Text("Attained", "达成")
    COLUMN_TARGET = Text("Target", "承诺")
    COLUMN_KEPT = Text("Good / total", "达标数 / 总数")
    COLUMN_BREACHES = Text("Breaches", "违约次数")

    READ_RECORDS = Text(
        "{records} records: {accepted} accepted, {duplicates} repeated, {ignored} ignored, {rejected} rejected",
        "共 {records} 条记录：接受 {accepted}，重复 {duplicates}，忽略 {ignored}，拒绝 {rejected}",
    )
    READ_PERIOD = Text("Event time {start} to {end}", "事件时间 {start} 至 {end}")
    REJECTED_BECAUSE = Text(
        "Rejected, {reason}: {count}, for example {where}", "拒绝（{reason}）：{count} 条，例如 {where}"
    )
    VALUE_LEFT_OUT = Text(
        "Left out of events that count, {field}, {reason}: {count}, for example {where}",
        "从计入的事件中略去 {field}（{reason}）：{count} 个，例如 {where}",
    )
    HARDLY_READABLE = Text(
        "More than 5 % of the values of {fields} cannot be read: figures that rest on them lack these events.",
        "{fields} 有超过 5% 的值无法读取：依据这些值的数据缺少相应事件。",
    )
    PATHS_MISSING = Text(
        "None of {records} records has what the mapping looks for at {paths}; see “slm check --sample”.",
        "{records} 条记录中没有一条含有映射所查找的 {paths}；参见“slm check --sample”。",
    )
    UNGUARDED_LOG = Text(
        "A plain file carries no record timestamps: an event with a clock that runs fast closes slices early.",
        "普通文件没有记录时间戳：时钟偏快的事件会使时间片提前定稿。",
    )
