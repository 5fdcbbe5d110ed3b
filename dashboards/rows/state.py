"""The row about the state of the monitor, ids from 600 on: transactions, recovery, names, standards, rekeying."""

from __future__ import annotations

from typing import Final

from dashboards.grafana.layout import PanelRow
from dashboards.grafana.panels import Column, Panel, Query, graph, stat, states, table, thresholds, words
from dashboards.grafana.queries import formula, max_by, rate, series, sum_by
from streams import conventions
from streams.texts.phrase import Text
from streams.texts.states import States

_SOURCE: Final = ("topic", "partition")
_SOURCE_LEGEND: Final = "{{topic}} {{partition}}"
_WORKER: Final = Column("instance", Text("Worker", "工作进程"), {})
_WORKER_STATES: Final = (States.STARTING, States.RECOVERING, States.RUNNING, States.STALLED, States.EVICTED)


def state() -> PanelRow:
    """Are all results saved, so that another worker could go on from them?"""
    return PanelRow(
        600,
        Text("State", "状态"),
        (
            _recovering(),
            _refused(),
            _transactions(),
            _duration(),
            _unsaved(),
            _folded(),
            _partitions(),
            _workers(),
            _recoveries(),
            _ticks(),
            _rekeyed(),
            _rekeying_lag(),
        ),
    )


def _recovering() -> Panel:
    recovering = sum_by(max_by(series(conventions.PIPELINE_RECOVERING), *_SOURCE))
    return stat(
        601,
        Text("Partitions recovering", "恢复中的分区"),
        Query(recovering, instant=True),
        width=12,
        defaults={"thresholds": thresholds((None, "green"), (1, "orange"))},
    )


def _refused() -> Panel:
    names = {0: (Text("accepted", "已接受"), "green"), 1: (Text("refused", "已拒绝"), "red")}
    return stat(
        602,
        Text("Standards files", "标准文件"),
        Query(series(conventions.STANDARDS_REFUSED), "{{instance}}", instant=True),
        width=12,
        defaults={"mappings": states(names), "thresholds": thresholds((None, "green"), (1, "red"))},
    )


def _transactions() -> Panel:
    return graph(
        603,
        Text("Transactions per second by result", "每秒事务数（按结果）"),
        Query(sum_by(rate(series(conventions.STATE_TRANSACTIONS)), "result"), "{{result}}"),
        unit="none",
        stacked=True,
        defaults={"min": 0},
        note=Text(
            "After one that failed, the partition is recovered from what was committed last: nothing is lost or "
            "counted twice.",
            "事务失败后，分区由上次提交的状态恢复，数据不会丢失或重复计算。",
        ),
    )


def _duration() -> Panel:
    seconds = sum_by(rate(series(conventions.STATE_TRANSACTION_SECONDS)), "instance")
    count = sum_by(rate(series(conventions.STATE_TRANSACTIONS)), "instance")
    return graph(
        604,
        Text("Mean duration of a transaction", "事务平均用时"),
        Query(formula("{seconds} / {count}", seconds=seconds, count=count), "{{instance}}"),
        unit="s",
        defaults={"min": 0},
    )


def _unsaved() -> Panel:
    return graph(
        605,
        Text("Records since the last transaction", "自上次事务以来的记录数"),
        Query(max_by(series(conventions.STATE_UNSAVED), *_SOURCE), _SOURCE_LEGEND),
        unit="locale",
        defaults={"min": 0},
    )


def _folded() -> Panel:
    return graph(
        606,
        Text("Observations per second under “other”", "每秒计入“other”的观测数"),
        Query(sum_by(rate(series(conventions.PIPELINE_OVERFLOWED_LABELS)), "topic", "kind"), "{{topic}} {{kind}}"),
        unit="none",
        stacked=True,
        defaults={"min": 0},
        note=Text(
            "Names that the standards declare are always admitted; others up to a number a day.",
            "标准中声明的名称总会被接受，其他名称每天只接受一定数量。",
        ),
    )


def _partitions() -> Panel:
    saved = max_by(series(conventions.STATE_SAVED_OFFSET), *_SOURCE)
    standards = max_by(series(conventions.STANDARDS_IN_FORCE), *_SOURCE, "standards")
    columns = (
        Column("topic", Text("Topic", "主题"), {}),
        Column("partition", Text("Partition", "分区"), {}),
        Column("Value #A", Text("Saved up to offset", "已保存至位移"), {"unit": "locale"}),
        Column("standards", Text("Standards in force", "现行标准"), {}),
    )
    return table(
        607,
        Text("What is saved of each partition, and what it is judged by", "各分区已保存的内容及其评判标准"),
        [Query(saved, instant=True, format="table"), Query(standards, instant=True, format="table")],
        columns,
        width=12,
        note=Text(
            "While a change of standards takes effect, partitions may differ for a short time.",
            "标准变更生效期间，各分区可能短时不一致。",
        ),
        hidden=("Value #B",),
    )


def _workers() -> Panel:
    now = formula("{state} == 1", state=max_by(series(conventions.WORKER_STATE), "instance", "state"))
    return table(
        608,
        Text("State of each worker", "各工作进程的状态"),
        [Query(now, instant=True, format="table")],
        (_WORKER, Column("state", Text("State", "状态"), {"mappings": words(_WORKER_STATES)})),
        width=12,
        hidden=("Value",),
    )


def _recoveries() -> Panel:
    columns = (
        _WORKER,
        Column("Value #A", Text("Partitions recovered", "已恢复的分区"), {"unit": "locale"}),
        Column("Value #B", Text("Last took", "上次用时"), {"unit": "s"}),
        Column("Value #C", Text("Rows read", "读取的行数"), {"unit": "locale"}),
    )
    metrics = (conventions.STATE_RECOVERIES, conventions.STATE_RECOVERY_SECONDS, conventions.STATE_RECOVERY_ROWS)
    return table(
        609,
        Text("Recovery by each worker", "各工作进程的恢复"),
        [Query(max_by(series(metric), "instance"), instant=True, format="table") for metric in metrics],
        columns,
        width=12,
    )


def _ticks() -> Panel:
    return graph(
        610,
        Text("Ticks per second", "每秒报时记录数"),
        Query(sum_by(rate(series(conventions.PIPELINE_TICKS)), "instance"), "{{instance}}"),
        unit="none",
        defaults={"min": 0},
        note=Text(
            "They let idle partitions notice that time passes. Without them decisions wait for the next event.",
            "报时记录使空闲分区感知时间流逝；没有它，判定须等到下一个事件。",
        ),
    )


def _rekeyed() -> Panel:
    return graph(
        611,
        Text("Records rekeyed per second by result", "每秒重设键的记录数（按结果）"),
        Query(sum_by(rate(series(conventions.REKEY_RECORDS)), "result"), "{{result}}"),
        unit="none",
        stacked=True,
        defaults={"min": 0},
        note=Text("Only where workers run with --rekey.", "仅在工作进程使用 --rekey 运行时。"),
    )


def _rekeying_lag() -> Panel:
    return graph(
        612,
        Text("Records still to be rekeyed", "尚待重设键的记录"),
        Query(series(conventions.REKEY_LAG), "{{instance}}"),
        unit="locale",
        defaults={"min": 0},
    )
