"""The wire format in words: every field of an event, the kinds that carry it, and what it means."""

from __future__ import annotations

from typing import Final, NamedTuple

from streams.texts.phrase import Text


class FieldText(NamedTuple):
    """One field of the wire format: the kinds that carry it ("" for all), its type and unit, and its meaning."""

    kinds: str
    type: Text
    meaning: Text


_STRING: Final = Text("string", "字符串")
_NUMBER: Final = Text("number", "数字")
_SECONDS: Final = Text("number, seconds", "数字，秒")
_BOOLEAN: Final = Text("boolean", "布尔值")

#: By name, in the order of the documentation; equals the fields of `streams.events.event.Event`.
FIELDS: Final[dict[str, FieldText]] = {
    "kind": FieldText(
        "",
        _STRING,
        Text(
            "`interaction` (default), `probe`, `case`, `feedback`, `check` or `measure`",
            "`interaction`（默认）、`probe`、`case`、`feedback`、`check` 或 `measure`",
        ),
    ),
    "time": FieldText(
        "",
        Text("number or string", "数字或字符串"),
        Text(
            "required; when it was finished or observed: seconds since 1970, or RFC 3339 with an offset",
            "必填；完成或观测到的时间：1970 年以来的秒数，或带时差的 RFC 3339 时间",
        ),
    ),
    "service": FieldText("", _STRING, Text("required; 1 to 200 characters", "必填；1 至 200 个字符")),
    "step": FieldText("", _STRING, Text("step of the service blueprint", "服务蓝图上的环节")),
    "class": FieldText(
        "",
        _STRING,
        Text("class of the request or case; on a probe, its source", "请求或工单的类别；探测事件中为探测来源"),
    ),
    "customer": FieldText("", _STRING, Text("who was served", "接受服务的客户")),
    "id": FieldText(
        "",
        _STRING,
        Text(
            "recognises repeated events: the same `id` and `time` count once within a service, kind, step, case",
            "用于去重：同一服务、类别、环节和工单内，相同的 `id` 和 `time` 只计一次",
        ),
    ),
    "duration": FieldText("interaction", _SECONDS, Text("response time, not negative", "响应时间，不为负")),
    "outcome": FieldText(
        "interaction", _STRING, Text("`ok` (default), `failed` or `abandoned`", "`ok`（默认）、`failed` 或 `abandoned`")
    ),
    "failure_point": FieldText(
        "interaction, case, check", _STRING, Text("where on the blueprint it failed", "在服务蓝图上的失败点")
    ),
    "up": FieldText("probe", _BOOLEAN, Text("required; whether the service is up", "必填；服务是否正常")),
    "holds": FieldText(
        "probe",
        _SECONDS,
        Text(
            "for how long the observation holds unless another comes (60 by default)",
            "在下一次探测之前本次结果的有效时长（默认 60）",
        ),
    ),
    "case": FieldText(
        "case, interaction, feedback, check",
        _STRING,
        Text("id of the case; required for a case", "工单编号；case 事件必填"),
    ),
    "transition": FieldText(
        "case",
        _STRING,
        Text(
            "required; `opened`, `answered`, `paused`, `resumed`, `resolved`, `reopened` or `cancelled`",
            "必填；`opened`、`answered`、`paused`、`resumed`、`resolved`、`reopened` 或 `cancelled`",
        ),
    ),
    "due": FieldText("case", Text("like `time`", "同 `time`"), Text("promised time", "承诺的时间")),
    "score": FieldText("feedback", _NUMBER, Text("on the scale that the standards state", "按标准文件所定的量表")),
    "dimension": FieldText("feedback", _STRING, Text("dimension of quality", "质量维度")),
    "item": FieldText("feedback, check", _STRING, Text("item of the survey or checklist", "问卷或检查表的条目")),
    "expected": FieldText("feedback", _NUMBER, Text("expectation", "期望")),
    "perceived": FieldText("feedback", _NUMBER, Text("perception", "感知")),
    "role": FieldText(
        "feedback",
        _STRING,
        Text("`customer` (default), `manager` or `staff`", "`customer`（默认）、`manager` 或 `staff`"),
    ),
    "weight": FieldText("feedback", _NUMBER, Text("importance of the item or dimension", "条目或维度的权重")),
    "section": FieldText("check", _STRING, Text("section of the checklist", "检查表的部分")),
    "unit": FieldText("check", _STRING, Text("area or room that was checked", "被检查的区域或房间")),
    "passed": FieldText("check", _BOOLEAN, Text("required; null stands for not applicable", "必填；null 表示不适用")),
    "indicator": FieldText("measure", _STRING, Text("required; what is measured", "必填；所度量的指标")),
    "value": FieldText("measure", _NUMBER, Text("numerator", "分子")),
    "of": FieldText("measure", _NUMBER, Text("denominator", "分母")),
    "amount": FieldText("measure", _NUMBER, Text("an amount", "数额")),
}

ALL_KINDS: Final = Text("all", "全部")
