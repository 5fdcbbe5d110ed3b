"""Load standards from the text of a standards file, or report every problem in it at once."""

from __future__ import annotations

from itertools import islice
from typing import Final

from pydantic import ValidationError

from streams.standards.compile import compile_standards
from streams.standards.form.forms import StandardsForm
from streams.standards.form.references import check
from streams.standards.model import VERSION, Standards
from streams.standards.problems.explain import explain
from streams.standards.problems.locate import Document, read
from streams.standards.problems.problems import MOST_PROBLEMS, FilePosition, Finding, Problem, StandardsError, show_path


def load(text: str | bytes, *, file: str) -> Standards:
    """Standards in ``text``, the content of ``file``. An empty text is valid: everything is measured, nothing promised.

    Raises `StandardsError` with every problem found, up to `MOST_PROBLEMS`. Nothing that ``text`` holds raises
    anything else.
    """
    document = read(text)
    form, findings = _form(document)
    placed = [*document.findings, *((document.place(each.path, key=each.of_key), each) for each in findings)]
    if form is None or placed:
        raise StandardsError(_problem(file, mark, finding) for mark, finding in placed)
    return compile_standards(form)


def _form(document: Document) -> tuple[StandardsForm | None, list[Finding]]:
    """The form that the document fills, None if it does not fit, and the findings."""
    if document.is_refused(()):
        return None, []
    if document.data in (None, {}):
        return StandardsForm(version=VERSION), []
    form, findings = None, list(islice(check(document.data), MOST_PROBLEMS))
    keys = {each.path for each in findings if each.of_key}
    try:
        form = StandardsForm.model_validate(document.data)
    except ValidationError as error:
        others = (each for each in explain(error, document, StandardsForm) if each.path not in keys)
        findings += islice(others, MOST_PROBLEMS)
    return form, [each for each in findings if not document.is_refused(each.path[:-1] if each.of_key else each.path)]


def _problem(file: str, mark: FilePosition, finding: Finding) -> Problem:
    path = show_path(finding.path)
    return Problem(file, mark.line, mark.column, path, finding.found, finding.rule, finding.remedy)


#: Standards of an empty file: what is not declared is measured with the default indicators.
DEFAULT: Final = load("", file="")
