"""Alerts about the state of the monitor: transactions, recovery, too many names, refused standards."""

from __future__ import annotations

from dashboards.grafana.queries import formula, max_by, over, series, sum_by
from dashboards.rules.alerts import PARTITION, PARTITION_ZH, SOURCE, Alert, Severity
from streams import conventions
from streams.texts.phrase import Text


def alerts() -> tuple[Alert, ...]:
    """The alerts, the most urgent first."""
    return (_transactions(), _recovering(), _labels(), _standards())


def _transactions() -> Alert:
    failed = series(conventions.STATE_TRANSACTIONS, 'result="failed"')
    return Alert(
        name="ServiceLevelTransactionsFailing",
        # Recovery repairs a failed transaction; failures for so long are more than a restart of a broker.
        expr=formula("{failures} > 0", failures=sum_by(over("increase", failed, "5m"), "job")),
        severity=Severity.PAGE,
        pending="10m",
        summary=Text("Transactions of the service-level monitor keep failing.", "服务水平监控器的事务持续失败。"),
        description=Text(
            "Nothing is lost or counted twice, but decisions of the partitions concerned are not written and their "
            "figures come and go. The workers' logs name the error: check that enough replicas of the topics of the "
            "monitor are in sync, and that its user may write to them and to its transactional ids.",
            "数据不会丢失或重复计算，但相关分区的判定无法写出，数值时有时无。错误原因见工作进程日志："
            "请检查监控器各主题是否有足够的同步副本，以及其用户是否有权写入这些主题和使用其事务标识。",
        ),
    )


def _recovering() -> Alert:
    return Alert(
        name="ServiceLevelRecoveryLong",
        expr=formula("{recovering} == 1", recovering=max_by(series(conventions.PIPELINE_RECOVERING), *SOURCE)),
        severity=Severity.PAGE,
        pending="5m",
        summary=Text(f"{PARTITION} has been recovering for long.", f"{PARTITION_ZH}恢复已久。"),
        description=Text(
            "Services whose events are in this partition are not watched until its figures are complete. The worker's "
            "/ready says how far it is, its log whether it begins again and again; check that the broker answers.",
            "在数值恢复完整之前，事件位于该分区的服务未受监控。工作进程的 /ready 说明恢复进度，"
            "其日志说明是否反复重来；请检查消息代理是否应答。",
        ),
    )


def _labels() -> Alert:
    overflowed = over("increase", series(conventions.PIPELINE_OVERFLOWED_LABELS), "1h")
    return Alert(
        name="ServiceLevelLabelsFolded",
        expr=formula("{overflowed} > 0", overflowed=sum_by(overflowed, "job", "topic", "kind")),
        severity=Severity.TICKET,
        pending="5m",
        summary=Text(
            "Events of {{ $labels.topic }} are counted under “other”: too many names of kind {{ $labels.kind }}.",
            "主题 {{ $labels.topic }} 的事件被计入“other”：{{ $labels.kind }} 类名称过多。",
        ),
        description=Text(
            "A partition admits so many new names a day. Look for a producer that makes names of ids or free text, "
            "and declare in the standards file those that matter: declared names are always admitted.",
            "每个分区每天可容纳的新名称有限。请查找以编号或自由文本构成名称的生产者，"
            "并在标准文件中声明重要的名称：已声明的名称总会被接受。",
        ),
    )


def _standards() -> Alert:
    return Alert(
        name="ServiceLevelStandardsRefused",
        expr=formula("{refused} == 1", refused=series(conventions.STANDARDS_REFUSED)),
        severity=Severity.TICKET,
        pending="5m",
        summary=Text(
            "Worker {{ $labels.instance }} refuses its standards file; earlier standards stay in force.",
            "工作进程 {{ $labels.instance }} 拒绝其标准文件，原标准继续有效。",
        ),
        description=Text(
            "Its status page says what is wrong. Correct the file until `slm check` accepts it, then send the worker "
            "SIGHUP.",
            "错误原因见其状态页。请修改文件直至 `slm check` 接受，再向该工作进程发送 SIGHUP。",
        ),
    )
