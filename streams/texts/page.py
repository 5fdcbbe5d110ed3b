"""Texts of the status page. Placeholders are filled in by the page itself."""

from __future__ import annotations

import enum

from streams.texts.phrase import Phrase, Text


@enum.unique
class Page(Phrase):
    """Headings, labels and sentences, from the top of the page to its foot."""

    TITLE = Text("Service levels", "服务水平")
    SKIP = Text("Skip to the services", "跳到服务列表")
    OTHER_LANGUAGE = Text("中文", "English")
    OTHER_LANGUAGE_LABEL = Text("中文 (show this page in Chinese)", "English（以英文显示本页）")
    LOADING = Text("Reading the figures …", "正在读取数据……")
    NEEDS_SCRIPT = Text(
        "This page needs JavaScript. The same figures are at /api/status and /metrics.",
        "本页需要 JavaScript。同样的数据见 /api/status 和 /metrics。",
    )

    WINDOW = Text("Window", "时间窗口")
    WINDOW_5M = Text("5 min", "5 分钟")
    WINDOW_1H = Text("1 hour", "1 小时")
    WINDOW_1D = Text("1 day", "1 天")

    LIVE = Text("Live, {time}", "实时 {time}")
    LOST = Text("Connection lost", "连接中断")
    LOST_DETAIL = Text(
        "The figures below are {age} old. Trying again every second; this page goes on by itself.",
        "下方数据是 {age}前的。每秒自动重试，恢复后本页自行更新。",
    )
    LOST_NEVER = Text("No figures have come yet. Trying again every second.", "尚未收到数据，每秒自动重试。")

    HEADLINE_BREACHED = Text("In breach: {count} of {total} objectives", "违约：{total} 个目标中有 {count} 个")
    HEADLINE_MET = Text("All objectives met ({total})", "全部 {total} 个目标达标")
    HEADLINE_PARTLY = Text(
        "No breach: {count} of {total} objectives met, the others have no data",
        "无违约：{total} 个目标中 {count} 个达标，其余无数据",
    )
    HEADLINE_NO_OBJECTIVES = Text("Measuring, without objectives", "正在测量，未设目标")
    HEADLINE_STARTING = Text("Starting: no partitions yet", "启动中：尚未分配分区")
    HEADLINE_RECOVERING = Text("Recovering: figures are not complete yet", "恢复中：数据尚不完整")
    HEADLINE_STALLED = Text("Stalled: figures stand still", "停滞：数据不再更新")
    HEADLINE_EVICTED = Text("Evicted: this worker has lost its partitions", "已被接管：本进程已失去分区")
    HEADLINE_EMPTY = Text("Waiting for the first event", "等待第一个事件")

    SUMMARY = Text("At a glance", "概览")
    TILE_INTERACTIONS = Text("Interactions", "服务接触")
    TILE_NEWEST = Text("Newest event", "最新事件")
    TILE_FINAL = Text("Final up to", "已定稿至")
    TILE_LAG = Text("Records to read", "待读记录")
    TILE_REJECTED = Text("Rejected events", "被拒事件")
    AGO = Text("{age} ago", "{age}前")
    BEHIND = Text("{age} behind", "滞后 {age}")
    OF_READ = Text("of {total} read", "共读入 {total}")
    WARNINGS = Text("Warnings", "警告")
    MORE_WAITING = Text("{count} more partitions are not ready.", "另有 {count} 个分区尚未就绪。")

    SERVICES = Text("Services", "服务列表")
    OWNER = Text("Owner: {owner}", "负责：{owner}")
    PARTLY_MET = Text("{count} of {total} met, no breach", "{total} 个目标中 {count} 个达标，无违约")
    SINCE = Text("since {time}", "自 {time} 起")

    OBJECTIVES = Text("Objectives", "服务目标")
    OBJECTIVE = Text("Objective", "目标")
    STATE = Text("State", "状态")
    ATTAINED = Text("Attained", "达成率")
    TARGET = Text("Target", "目标值")
    BUDGET = Text("Error budget left", "剩余错误预算")
    OVER_ROLLING = Text("over {window}", "近 {window}")
    OVER_PERIOD = Text("over {window}", "按{window}")
    GOOD_OF_TOTAL = Text("{good} of {total}", "{total} 中的 {good}")
    TOO_FEW = Text("{total}, at least {minimum} needed", "{total}，至少需 {minimum}")
    BUDGET_LEFT = Text("{share} left", "剩余 {share}")
    OVERSPENT = Text("overspent by {share}", "超支 {share}")
    NO_BUDGET = Text("a target of 100 % leaves none", "目标为 100%，没有预算")
    PERIOD_DAY = Text("the calendar day", "自然日")
    PERIOD_WEEK = Text("the calendar week", "自然周")
    PERIOD_MONTH = Text("the calendar month", "自然月")
    PERIOD_QUARTER = Text("the calendar quarter", "自然季度")
    PERIOD_YEAR = Text("the calendar year", "自然年")

    STEPS = Text("Steps", "服务环节")
    STEP = Text("Step", "环节")
    NO_STEP = Text("No step named", "未写明环节")
    INTERACTIONS = Text("Interactions", "接触次数")
    RESPONSE_P50 = Text("p50", "p50")
    RESPONSE_P95 = Text("p95", "p95")
    RESPONSE_P99 = Text("p99", "p99")
    QUANTILE_HELP = Text(
        "{share} % of served interactions took at most this long", "{share}% 已服务接触的响应时间不超过此值"
    )
    TREND = Text("p95 trend", "p95 走势")
    TREND_LABEL = Text(
        "p95 over the last {span}: from {first} to {last}, between {low} and {high}",
        "近 {span} 的 p95：由 {first} 到 {last}，介于 {low} 与 {high} 之间",
    )
    TREND_SHORT = Text("collecting", "收集中")
    AVAILABILITY = Text("Availability", "可用性")
    UPTIME = Text("Uptime by probes", "探测可用率")
    UPTIME_OBSERVED = Text("{span} observed", "观测 {span}")
    ABANDONED = Text("Abandoned", "放弃率")
    OF = Text("of {total}", "共 {total}")
    NONE = Text("no data", "无数据")

    FAIL_POINTS = Text("Fail points", "失败点")
    FAIL_POINT = Text("Fail point", "失败点名称")
    NO_FAIL_POINT = Text("No fail point named", "未写明失败点")
    COUNT = Text("Failures", "失败次数")
    SHARE = Text("Share of failures", "占失败的比例")
    NO_FAILURES = Text("No fail point was hit in this window.", "此窗口内没有触及任何失败点。")
    MORE_FAIL_POINTS = Text("{count} more, together {total}", "另有 {count} 个，合计 {total}")

    EMPTY_BODY = Text(
        "The worker reads from {broker} and no event has come yet. Send one from a terminal:",
        "工作进程正在读取 {broker}，尚未收到事件。请在终端发送一个：",
    )
    EMPTY_NEXT = Text(
        "It appears here within a second. Any program that writes JSON to Kafka can take the place of this command.",
        "一秒内即会出现在这里。任何向 Kafka 写入 JSON 的程序都可以代替这条命令。",
    )
    EMPTY_REJECTED = Text(
        "{count} events came, but all were rejected; the reasons are below.",
        "已收到 {count} 个事件，但全部被拒绝，原因见下方。",
    )
    COPY = Text("Copy", "复制")
    COPIED = Text("Copied", "已复制")

    PIPELINE = Text("Pipeline", "事件处理")
    PARTITIONS = Text("Partitions that this worker reads", "本进程读取的分区")
    NO_PARTITIONS = Text("This worker has been assigned no partition.", "本进程未分配到分区。")
    TOPIC = Text("Topic", "主题")
    PARTITION = Text("Partition", "分区")
    NEXT_OFFSET = Text("Next offset", "下一位移")
    OPEN_SLICES = Text("Open slices", "未关闭时间片")
    SAVED_HELP = Text(
        "Below it: the offset after the last record that a committed transaction includes. "
        "A new owner goes on from there.",
        "其下为已提交事务所含最后一条记录之后的位移，新的所有者由此继续。",
    )
    SAVED = Text("saved up to {offset}", "已保存至 {offset}")
    FOLD_AGAIN = Text("{count} to fold again", "待重新折叠 {count}")
    EVENTS = Text("Events", "事件")
    RESULT = Text("Result", "结果")
    RECORDS = Text("Records", "记录数")
    ACCEPTED = Text("Accepted", "接受")
    DUPLICATES = Text("Duplicates, not counted again", "重复，未再计入")
    IGNORED = Text("Ignored: the monitor's own, or left out by a mapping", "忽略：监视器自身的记录，或被映射规则略去")
    REJECTED_AS = Text("Rejected: {reason}", "拒绝：{reason}")
    UNKNOWN_FIELDS = Text("Unknown fields ignored in events: {count}", "事件中被忽略的未知字段：{count}")
    LEFT_OUT = Text("Left out of events that count", "从计入的事件中略去的值")
    FIELD = Text("Field", "字段")
    REASON = Text("Reason", "原因")
    VALUES = Text("Values", "值的数量")
    VALUES_READ = Text("{count} could be read", "可读 {count}")
    NEVER_FOUND = Text(
        "The mapping of {topic} looks for what no record has had: {paths}",
        "{topic} 的映射所查找的以下路径，没有任何记录含有：{paths}",
    )
    FOLDED = Text(
        "Counted as “other”, observations by kind of name: {counts}", "按名称类别计入“other”的观测数：{counts}"
    )
    SAVING = Text("Saved state, since this process started", "状态保存（自本进程启动以来）")
    WHAT = Text("What", "项目")
    NUMBER = Text("Number", "数量")
    COMMITTED = Text("Transactions committed", "已提交的事务")
    FAILED = Text("Transactions failed", "失败的事务")
    RECOVERIES = Text("Partitions recovered", "已恢复的分区")
    TICKS = Text("Ticks appended to idle partitions", "写入空闲分区的报时记录")
    LAST_TOOK = Text("last took {time}", "上次用时 {time}")
    LAST_RECOVERY = Text("last took {time}, {rows} rows", "上次用时 {time}，{rows} 行")
    FINAL_HELP = Text(
        "Event time up to which figures no longer change. Events from before it are rejected as late.",
        "此事件时间之前的数据不再变化；早于它的事件将因迟到被拒绝。",
    )
    STANDARDS_OF = Text("Standards {digest}", "标准 {digest}")
    STANDARDS_PENDING = Text(", from the next slice end {digest}", "，下一个时间片结束起为 {digest}")
    STANDARDS_UNKNOWN = Text("Standards not known yet", "标准尚未得知")
    FOOT = Text("Standards {digest}, time zone {timezone}", "标准 {digest}，时区 {timezone}")
    FOOT_DIFFERING = Text(
        "Standards in force {digest}, this worker's file {file}, time zone {timezone}",
        "现行标准 {digest}，本进程的文件 {file}，时区 {timezone}",
    )
    FOOT_UNDECLARED = Text("No standards file; time zone {timezone}", "无标准文件；时区 {timezone}")

    PERCENT = Text("{value}\u00a0%", "{value}%")
    UNIT_US = Text("µs", "微秒")
    UNIT_MS = Text("ms", "毫秒")
    UNIT_S = Text("s", "秒")
    UNIT_MIN = Text("min", "分钟")
    UNIT_H = Text("h", "小时")
    UNIT_D = Text("d", "天")
