"""Warnings about a running worker, for operators. `WorkerStatus.warnings` holds their keys."""

from __future__ import annotations

import enum

from streams.texts.phrase import Phrase, Text


@enum.unique
class Warnings(Phrase):
    """Each says what is wrong, what follows from it, and what to do."""

    EMBEDDED_BROKER = Text(
        en="The embedded broker keeps nothing: when this process ends, all events and figures are gone. "
        "For real use, run “slm run” with a Kafka cluster.",
        zh="内置消息服务不保存任何数据：本进程结束后，所有事件和数据都会消失。正式使用请用“slm run”连接 Kafka 集群。",
    )
    CREATE_TIME_TOPIC = Text(
        en="A source topic takes its timestamps from the producers (CreateTime), so nothing guards against fast "
        "clocks: one event from the future closes time slices early. Set message.timestamp.type=LogAppendTime "
        "on the topic.",
        zh="来源主题的时间戳由生产者写入（CreateTime），无法防范走快的时钟：一个来自未来的事件就会使时间片提前关闭。"
        "请将主题的 message.timestamp.type 设为 LogAppendTime。",
    )
    TIMESTAMPS_MISSING = Text(
        en="Records carry no timestamps, so nothing guards against fast clocks: one event from the future closes time "
        "slices early.",
        zh="记录不带时间戳，无法防范走快的时钟：一个来自未来的事件就会使时间片提前关闭。",
    )
    NO_STANDARDS = Text(
        en="No standards file was given: everything is measured, but nothing is promised, so nothing can be in breach. "
        "Write one and start again with “--standards FILE”.",
        zh="未提供服务标准文件：一切照常测量，但没有承诺，也就不会有违约。"
        "请编写标准文件，并以“--standards 文件”重新启动。",
    )
    STANDARDS_REJECTED = Text(
        en="The changed standards file has errors and was not taken over; the earlier standards still hold. "
        "“slm check FILE” shows the errors.",
        zh="修改后的标准文件有错误，未被采用，仍按原标准判定。用“slm check 文件”查看错误。",
    )
    STANDARDS_DIFFER = Text(
        en="The standards in force are not those of this worker's file: either they take effect at the next slice end, "
        "or another file was proposed after this one. Give every worker the same file, then send one of them SIGHUP.",
        zh="现行标准不是本进程标准文件的内容：或者它将在下一个时间片结束时生效，或者此后又有其他文件被提出。"
        "请让所有工作进程使用同一份文件，再向其中之一发送 SIGHUP。",
    )
    BROKER_SILENT = Text(
        en="The broker does not answer. Other workers may have taken over the partitions, so this one shows no figures "
        "until it is heard again.",
        zh="消息服务没有应答。分区可能已由其他工作进程接管，恢复联系之前，本进程不显示数据。",
    )
    GAP_IN_LOG = Text(
        en="The log no longer has records that were to be read: figures lack them. Give the topic a longer retention.",
        zh="日志中应读取的记录已被删除，数据因此不完整。请延长主题的保留时间。",
    )
    STATE_DAMAGED = Text(
        en="Saved state of a partition was damaged. It was rebuilt from the log as far as that still reaches; older "
        "figures may be incomplete. The audit topic names what was damaged.",
        zh="某个分区已保存的状态曾损坏，已在日志尚存的范围内重建；更早的数据可能不完整。损坏的内容见审计主题。",
    )
    TICKS_REFUSED = Text(
        en="Kafka refuses this worker the right to write to a source topic, so it cannot append ticks: in an idle "
        "partition decisions wait for the next event. Allow the worker to write to the source topics.",
        zh="Kafka 不允许本进程写入来源主题，因此无法追加报时记录：空闲分区的判定须等到下一个事件。"
        "请授予工作进程写入来源主题的权限。",
    )
    VALUES_UNREADABLE = Text(
        en="Of an optional field of events more than 5 % of the values cannot be read and were left out: figures that "
        "rest on it lack these events. The page names the field and why; mend the producer, or map its topic, where "
        "“absent” names values that stand for none.",
        zh="事件的某个可选字段有超过 5% 的值无法读取而被略去：依据该字段的数据缺少相应事件。"
        "页面列出字段与原因；请修正生产者，或为其主题编写映射，其中 absent 列出表示没有值的写法。",
    )
    LABELS_FOLDED = Text(
        en="More services, steps, fail points or probe sources occurred than a partition admits; the others are "
        "counted together as “other”. Look for names that are made of ids or free text, and declare those that "
        "matter in the standards.",
        zh="出现的服务、环节、失败点或探测来源多于一个分区所能容纳，多出的合并计入“other”。"
        "请检查是否有由编号或自由文本构成的名称，并在标准文件中声明重要的名称。",
    )
