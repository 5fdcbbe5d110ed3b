"""Texts of the reference tables in the READMEs, and Chinese descriptions of settings and commands."""

from __future__ import annotations

import enum
from typing import Final

from streams.texts.phrase import Phrase, Text


@enum.unique
class Reference(Phrase):
    """Headings of the reference tables."""

    FIELD = Text("Field", "字段")
    KINDS = Text("Kinds", "类别")
    TYPE = Text("Type, unit", "类型与单位")
    MEANING = Text("Meaning", "含义")
    METRIC = Text("Metric", "指标")
    METRIC_TYPE = Text("Type", "类型")
    LABELS = Text("Labels", "标签")
    OPTION = Text("Option", "选项")
    VARIABLE = Text("Environment", "环境变量")
    DEFAULT = Text("Default", "默认值")
    COMMAND = Text("Command", "命令")
    DOES = Text("Does", "作用")
    REASON = Text("Reason", "原因")


#: Description of each setting in Chinese; the English text stands with the setting.
SETTINGS_ZH: Final[dict[str, str]] = {
    "broker": "Kafka 地址，host:port，多个以逗号分隔。",
    "topics": "事件主题，可给出多个。",
    "group": "分担分区的消费者组。",
    "dead_letters_topic": "接收被拒绝事件及其原因的主题。",
    "state_topic": "保存工作进程续作所需状态的主题；分区 i 对应来源分区 i。",
    "breaches_topic": "接收违约的主题。",
    "audit_topic": "接收各项判定及其依据的主题。",
    "control_topic": "按摘要保存标准的主题。",
    "rekey": "将各来源主题按服务合并到重新分区的主题，并据以判定。",
    "rekeyed_topic": "--rekey 写入、工作进程随后读取的主题。",
    "standards": "标准文件；不给出时按默认指标度量全部服务。",
    "web_host": "状态页和 /metrics 的监听地址。",
    "web_port": "状态页和 /metrics 的端口。",
    "workers": "分担工作的进程数；每个进程依次占用其后的一个端口，本进程为全部进程提供状态页。",
    "histogram_bounds": "/metrics 直方图的桶边界，单位秒，升序，最多 30 个，所有工作进程须一致；"
    "每个边界上移到细网格的下一个边界（至多 2.2%），因此计数精确。"
    "默认从 44 ms 到 756 s 相邻边界相差 1.48 倍，其外另有几个。",
    "lateness": "允许事件迟到的时长；标准文件中为主题单独设定的优先。",
    "max_ahead": "事件时间最多可超前其记录时间戳多少；超过即为死信。",
    "start_timeout": "启动时尝试连接 Kafka 及其主题的时限。",
    "stall_timeout": "有未读记录而无进展达此时长即为停滞；达两倍时进程以代码 4 结束。",
    "session_timeout": "失去联系达此时长后，消费者组将分区交给其他工作进程。",
    "heartbeat": "心跳间隔；最多为会话超时的三分之一。",
    "tick_interval": "分区空闲达此时长后，以一条报时记录告知时间已过。",
    "batch_records": "一次折叠的最多记录数。",
    "fetch_bytes": "一次从一个分区读取的最多字节数；用于限制内存。",
    "security_protocol": "连接的安全方式。",
    "ssl_cafile": "信任的证书颁发机构；默认用系统的。",
    "ssl_certfile": "本客户端的证书。",
    "ssl_keyfile": "证书的私钥。",
    "ssl_password": "私钥的密码。",
    "ssl_password_file": "存放私钥密码的文件。",
    "sasl_mechanism": "登录方式。",
    "sasl_username": "登录名。",
    "sasl_password": "登录密码。",
    "sasl_password_file": "存放登录密码的文件。",
}

#: Description of each command in Chinese; the English line stands in the command tree.
COMMANDS_ZH: Final[dict[str, str]] = {
    "run": "从 Kafka 读取事件并给出服务水平。",
    "demo": "亲眼看它运行：进程内的代理和模拟的服务现场。",
    "send": "把 JSON Lines 中的事件发布到 Kafka。",
    "topics": "创建主题，或说明现有主题与所需有何不同。",
    "check": "检查标准文件，一次报告全部错误，并可在日志上试用。",
    "generate": "生成仪表盘、告警规则和模式文件。",
    "replay": "不用代理，从事件日志计算服务水平。",
}
