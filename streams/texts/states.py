"""States of objectives, services, partitions and workers, each said in words and never by colour alone."""

from __future__ import annotations

import enum

from streams.standards.model import Text
from streams.texts.phrase import Phrase


@enum.unique
class States(Phrase):
    """The keys are those of the values that they name, as `streams.views.objectives.Verdict` has them."""

    MET = Text("Met", "达标")
    BREACHED = Text("In breach", "违约")
    NO_DATA = Text("No data", "无数据")
    NO_OBJECTIVES = Text("No objectives", "未设目标")

    STARTING = Text("Starting", "启动中")
    RUNNING = Text("Running", "运行中")
    STALLED = Text("Stalled", "停滞")
    CAUGHT_UP = Text("Caught up", "已追上")
    CATCHING_UP = Text("Catching up", "追赶中")

    FRONT = Text("front stage", "前台")
    BACK = Text("back stage", "后台")

    WORKER_STARTING = Text("The worker is starting and has no partitions yet.", "工作进程正在启动，尚未分配分区。")
    WORKER_STALLED = Text(
        "The worker makes no progress although there are records to read; it is about to end itself.",
        "工作进程有待读记录却没有进展，即将自行退出。",
    )
    PARTITION_BEHIND = Text(
        "Partition {partition} of topic {topic} has {lag} records left to read.",
        "主题 {topic} 的分区 {partition} 还有 {lag} 条记录待读取。",
    )
    PARTITION_UNREAD = Text(
        "Partition {partition} of topic {topic} is not being read yet.",
        "主题 {topic} 的分区 {partition} 尚未开始读取。",
    )
