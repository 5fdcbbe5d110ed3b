"""Validation errors of the form, in the words of the file: what was found, the rule, what to write instead."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

from streams.standards.model import VERSION
from streams.standards.problems.problems import Finding, Path, Unfit, enumerate_names, show_text, suggest

if TYPE_CHECKING:
    from streams.standards.problems.locate import Document

#: Step that pydantic appends to the path of a key that is itself invalid.
_KEY: Final = "[key]"
_KINDS: Final[Mapping[str, str]] = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
}


def explain(error: ValidationError, document: Document, form: type[BaseModel]) -> Iterator[Finding]:
    """Every error of ``error``, which arose when ``form`` read the document."""
    for each in error.errors(include_url=False, include_input=False):
        path = tuple(each["loc"])
        of_key = path[-1:] == (_KEY,)
        yield _finding(each["type"], path[:-1] if of_key else path, each.get("ctx", {}), document, form, of_key=of_key)


def describe(document: Document, path: Path) -> str:
    """Describe the content of the file at ``path``: scalars as they are written."""
    value: Any = document.data
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return "nothing"
    if isinstance(value, dict):
        return f"a mapping with {enumerate_names(map(show_text, value), most=3)}" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return show_text(value)
    return document.written.get(path) or "nothing"


def _finding(
    kind: str, path: Path, context: Mapping[str, Any], document: Document, form: type[BaseModel], *, of_key: bool
) -> Finding:
    if kind == "extra_forbidden":
        return _unknown_key(path, form)
    if kind == "missing":
        return _missing(path, form)
    path = _as_written(path, document)
    found = show_text(str(path[-1])) if of_key else describe(document, path)
    unfit = context.get("error")
    if isinstance(unfit, Unfit):
        return Finding(path, found, unfit.rule, unfit.remedy, of_key=of_key)
    wanted = _KINDS.get(kind, "something else")
    return Finding(path, found, f"{wanted} is expected here", _example(path, form, wanted))


def _unknown_key(path: Path, form: type[BaseModel]) -> Finding:
    around = _form_at(form, path[:-1])
    options = _keys(around) if around else {}
    rule = f"the keys here are {enumerate_names(options, most=40)}"
    remedy = suggest(str(path[-1]), options.keys(), "remove it")
    return Finding(path, "an unknown key", rule, remedy, of_key=True)


def _missing(path: Path, form: type[BaseModel]) -> Finding:
    around = _form_at(form, path[:-1])
    examples = _keys(around).get(str(path[-1])) if around else None
    remedy = f"add {path[-1]}: {examples[0]}" if examples else f"add {path[-1]}"
    return Finding(path, "nothing", f"{path[-1]} is required", remedy)


def _example(path: Path, form: type[BaseModel], wanted: str) -> str:
    """Remedy where a mapping or a list is expected: its keys if they are known."""
    here = _form_at(form, path)
    if wanted == "a list":
        return "write it as in [a, b]"
    if not path:
        return f"begin with version: {VERSION}"
    if here is None:
        return "write it as in name: {…}"
    return f"write a mapping with some of {enumerate_names(_keys(here), most=8)}"


def _as_written(path: Path, document: Document) -> Path:
    """``path`` without the steps that a shorter spelling implies: `[0]` for a list of one, `otherwise` for a word."""
    written: Path = ()
    for step in path:
        if (*written, step) in document.values:
            written = (*written, step)
    return written


def _keys(form: type[BaseModel]) -> dict[str, list[Any] | None]:
    """Keys that ``form`` has, each with its examples."""
    return {field.alias or name: field.examples for name, field in form.model_fields.items()}


def _form_at(form: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Form that reads the mapping at ``path``; None where there is none."""
    here: object = form
    for step in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
            here = _bare(fields.get(str(step)))
        elif get_origin(here) in {dict, list}:
            here = _bare(get_args(here)[-1])
        else:
            return None
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _bare(annotation: object) -> object:
    """Type in ``annotation`` without `Annotated` and `| None`."""
    while (arguments := get_args(annotation)) and get_origin(annotation) not in {dict, list}:
        if isinstance(annotation, types.UnionType):
            arguments = tuple(each for each in arguments if each is not types.NoneType)
        annotation = arguments[0]
    return annotation
