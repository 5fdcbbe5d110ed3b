"""States of objectives, services, partitions and workers, each in words and never by colour alone."""

from __future__ import annotations

import enum

from streams.texts.phrase import Phrase, Text


@enum.unique
class States(Phrase):
    """The keys equal the values that they name, such as those of `ObjectiveState`."""

    MET = Text("Met", "达标")
    BREACHED = Text("In breach", "违约")
    NO_DATA = Text("No data", "无数据")
    NO_OBJECTIVES = Text("No objectives", "未设目标")

    STARTING = Text("Starting", "启动中")
    RECOVERING = Text("Recovering", "恢复中")
    RUNNING = Text("Running", "运行中")
    STALLED = Text("Stalled", "停滞")
    EVICTED = Text("Evicted", "已被接管")
    CAUGHT_UP = Text("Caught up", "已追上")
    CATCHING_UP = Text("Catching up", "追赶中")

    FRONT = Text("front stage", "前台")
    BACK = Text("back stage", "后台")

    WORKER_STARTING = Text("The worker is starting and has no partitions yet.", "工作进程正在启动，尚未分配分区。")
    WORKER_RECOVERING = Text(
        "The worker is recovering partitions: it brings them to where their last owner left them.",
        "工作进程正在恢复分区，使其回到上一任所有者离开时的状态。",
    )
    WORKER_STALLED = Text(
        "The worker makes no progress although there are records to read; it is about to end itself.",
        "工作进程有待读记录却没有进展，即将自行退出。",
    )
    WORKER_EVICTED = Text(
        "The worker has lost its partitions: its group has not heard of it for a session time-out, or another worker "
        "took them over. It shows no figures until it has partitions again.",
        "工作进程已失去分区：会话超时内消费者组未收到其心跳，或分区已由其他工作进程接管。重新获得分区之前，不显示数据。",
    )
    PARTITION_STATE_UNREAD = Text(
        "The saved state of partition {partition} of topic {topic} is being read.",
        "正在读取主题 {topic} 的分区 {partition} 已保存的状态。",
    )
    PARTITION_FOLDED_AGAIN = Text(
        "Partition {partition} of topic {topic} has {count} records left to fold again that its saved state includes.",
        "主题 {topic} 的分区 {partition} 已保存的状态所含记录中，还有 {count} 条待重新折叠。",
    )
    PARTITION_BEHIND = Text(
        "Partition {partition} of topic {topic} has {lag} records left to read.",
        "主题 {topic} 的分区 {partition} 还有 {lag} 条记录待读取。",
    )
    PARTITION_UNREAD = Text(
        "Partition {partition} of topic {topic} is not being read yet.",
        "主题 {topic} 的分区 {partition} 尚未开始读取。",
    )

    WAITS_FOR_TRANSACTION = Text(
        "Reading waits for a transaction that has been under way for long. Check that Kafka's brokers keep up.",
        "读取暂停：一个事务已进行较久，正等待其完成。请检查 Kafka 各代理是否跟得上。",
    )
    WAITS_FOR_OUTPUT = Text(
        "Reading waits until more of the dead letters and decisions have been written.",
        "读取暂停：待写出的死信与判定过多，正等待其写出。",
    )
    WAITS_FOR_STANDARDS = Text(
        "Reading waits for standards that the log names and the control topic does not have yet.",
        "读取暂停：日志指明的标准尚未出现在控制主题中。",
    )

    FOLDED_SERVICE = Text("services", "服务")
    FOLDED_STEP = Text("steps", "环节")
    FOLDED_FAILURE_POINT = Text("fail points", "失败点")
    FOLDED_SOURCE = Text("probe sources", "探测来源")
