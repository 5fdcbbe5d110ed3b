"""What an operator must know about a worker although it runs. `WorkerStatus.warnings` holds these keys."""

from __future__ import annotations

import enum

from streams.standards.model import Text
from streams.texts.phrase import Phrase


@enum.unique
class Warnings(Phrase):
    """Each says what is not as it should be, what follows from it, and what to do."""

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
    BROKER_SILENT = Text(
        en="The broker does not answer. Other workers may have taken over the partitions, so this one shows no figures "
        "until it is heard again.",
        zh="消息服务没有应答。分区可能已由其他工作进程接管，恢复联系之前，本进程不显示数据。",
    )
    GAP_IN_LOG = Text(
        en="The log no longer has records that were to be read: figures lack them. Give the topic a longer retention.",
        zh="日志中应读取的记录已被删除，数据因此不完整。请延长主题的保留时间。",
    )
    REREADING = Text(
        en="The whole topic is read again after every start; figures are complete once the worker is ready.",
        zh="每次启动都会重新读取整个主题；就绪之后数据才完整。",
    )
