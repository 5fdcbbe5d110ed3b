"""Why events are rejected, in the words of an operator. The keys are those of `streams.events.event.Reason`."""

from __future__ import annotations

import enum

from streams.texts.phrase import Phrase, Text


@enum.unique
class Reasons(Phrase):
    """One phrase per reason."""

    NOT_JSON = Text("not JSON", "不是 JSON")
    INVALID_UTF8 = Text("not UTF-8", "不是 UTF-8 编码")
    TOO_LARGE = Text("larger than 64 KiB", "超过 64 KiB")
    TOMBSTONE = Text("record without a value", "记录没有内容")
    NOT_AN_OBJECT = Text("JSON, but not an object", "JSON 不是对象")
    MISSING_SERVICE = Text("names no service", "未写明服务")
    MISSING_TIME = Text("has no time", "缺少时间")
    MISSING_FIELD = Text("lacks a field that its kind needs", "缺少该类事件必需的字段")
    WRONG_TYPE = Text("a field has the wrong type", "字段类型错误")
    UNKNOWN_KIND = Text("unknown kind of event", "未知的事件类别")
    TIME_WITHOUT_OFFSET = Text("time without an offset from UTC", "时间缺少与 UTC 的时差")
    INVALID_TIME = Text("time is malformed", "时间格式错误")
    TIME_OUT_OF_RANGE = Text("time is out of range", "时间超出范围")
    NEGATIVE = Text("a number is negative", "数值为负")
    NOT_FINITE = Text("a number is not finite", "数值不是有限数")
    OUT_OF_RANGE = Text("a number is out of range", "数值超出范围")
    INVALID_VALUE = Text("a field has a value that it cannot have", "字段取值无效")
    TOO_LONG = Text("a text is too long", "文字过长")
    EMPTY = Text("a text is empty", "文字为空")
    FUTURE = Text("from the future, too far ahead of its record's timestamp", "来自未来，事件时间比记录时间戳超前过多")
    LATE = Text("late, its time slice had closed", "迟到，所属时间片已关闭")
    UNMAPPED = Text("does not fit the topic's mapping", "不符合主题的映射规则")
