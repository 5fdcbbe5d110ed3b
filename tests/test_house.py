"""The house: one class a name, rooms of readable size that introduce themselves, documents that name what exists."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.services.parts import ROOT

PRODUCT: Final = ("streams", "agents", "dashboards")
HOUSE: Final = (*PRODUCT, "tests")
#: Documents whose paths and names must exist.
DOCUMENTS: Final = ("ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md")

MOST_LINES_OF_A_MODULE: Final = 350
MOST_LINES_OF_A_FUNCTION: Final = 50
#: Modules of a folder, beside its `__init__.py`.
MOST_MODULES_OF_A_FOLDER: Final = 14
#: One file for each word of `slm`: as many as there are commands.
UNBOUNDED_FOLDERS: Final = frozenset({"agents/cli/commands"})
#: A package says in a sentence what it is for; fewer words only repeat its name.
FEWEST_WORDS: Final = 6


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def files_of(*folders: str) -> tuple[Path, ...]:
    """Every Python file below ``folders``."""
    return tuple(sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py")))


@cache
def text_of(file: Path) -> str:
    return file.read_text("utf-8")


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(text_of(file))


Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


# -- (a) names -------------------------------------------------------------------------------------------------------


def test_no_two_public_classes_bear_one_name() -> None:
    places = defaultdict(list)
    for file in files_of(*PRODUCT):
        for node in tree_of(file).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name_of(file))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


# -- (b) sizes -------------------------------------------------------------------------------------------------------


def test_no_module_of_the_product_is_too_long() -> None:
    lengths = {name_of(file): len(text_of(file).splitlines()) for file in files_of(*PRODUCT)}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_MODULE} == {}


def test_no_function_of_the_product_is_too_long() -> None:
    lengths = {
        f"{name_of(file)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file in files_of(*PRODUCT)
        for node in ast.walk(tree_of(file))
        if isinstance(node, Function)
    }
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION} == {}


def test_no_folder_holds_too_many_modules() -> None:
    modules = Counter(name_of(file.parent) for file in files_of(*HOUSE) if file.name != "__init__.py")
    full = {name: count for name, count in modules.items() if count > MOST_MODULES_OF_A_FOLDER}
    assert {name: count for name, count in full.items() if name not in UNBOUNDED_FOLDERS} == {}


# -- (c) introductions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "package",
    [file for file in files_of(*PRODUCT) if file.name == "__init__.py"],
    ids=lambda file: name_of(file.parent),
)
def test_a_package_says_what_it_is_for(package: Path) -> None:
    docstring = ast.get_docstring(tree_of(package)) or ""
    assert "TODO" not in docstring
    sentence = re.split(r"\.(?:\s|$)", docstring)
    assert len(sentence) > 1, "the docstring has no sentence that ends with a full stop"
    assert len(docstring.split()) >= FEWEST_WORDS, f"say in a sentence what the room is for, not {docstring!r}"


# -- (e) paths -------------------------------------------------------------------------------------------------------

_ROOTS: Final = "streams|agents|dashboards|tests|deploy"
#: `streams/engine/{closing,start}.py`, `tests/rules/*.yml`, `agents/web/`; not part of a longer path.
_PATH: Final = re.compile(rf"(?<![\w./-])(?:{_ROOTS})/[\w./{{}},*-]*")
#: `streams.engine.closing`, `streams.engine.closing.Closing.turn`.
_DOTTED: Final = re.compile(rf"(?<![\w./-])(?:{'|'.join(HOUSE)})(?:\.[A-Za-z_]\w*)+(?!\w*/)")
#: `test_engine.py`, named without its folder.
_FILE: Final = re.compile(r"(?<![\w./{},*-])[a-z_]\w*\.py\b")
_TEST: Final = re.compile(r"(?:`|::)(test_\w+)\b(?!\.py)")
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


def expanded(path: str) -> list[str]:
    """Every path that ``path`` stands for: braces hold alternatives."""
    braces = _BRACES.search(path)
    if braces is None:
        return [path]
    head, tail = path[: braces.start()], path[braces.end() :]
    return [one for option in braces[1].split(",") for one in expanded(f"{head}{option}{tail}")]


def path_exists(path: str) -> bool:
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


def names_in(body: list[ast.stmt]) -> dict[str, ast.ClassDef | None]:
    """Names that ``body`` binds; those of classes with the class."""
    found: dict[str, ast.ClassDef | None] = {}
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                found[name] = node
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = None
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = None
            case ast.Assign(targets=targets):
                found |= {one.id: None for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found |= {(alias.asname or alias.name).partition(".")[0]: None for alias in aliases}
            case ast.If(body=inner):
                found |= names_in(inner)
    return found


@cache
def module_names(file: Path) -> dict[str, ast.ClassDef | None]:
    """Names that the module binds, with those that it takes over by ``import *``."""
    found = names_in(tree_of(file).body)
    for node in tree_of(file).body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            other = file_of((node.module or "").split("."))
            found |= module_names(other) if other else {}
    return found


def is_defined(names: dict[str, ast.ClassDef | None], rest: list[str]) -> bool:
    """Whether ``rest``, as in `Closing.turn`, leads to something among ``names``."""
    if not rest:
        return True
    if rest[0] not in names:
        return False
    class_ = names[rest[0]]
    return len(rest) == 1 or class_ is None or is_defined(members_of(class_), rest[1:])


def members_of(class_: ast.ClassDef) -> dict[str, ast.ClassDef | None]:
    """What the body of ``class_`` binds, and the attributes that its methods give to `self`."""
    attributes = (node for node in ast.walk(class_) if isinstance(node, ast.Attribute))
    own = {one.attr: None for one in attributes if isinstance(one.value, ast.Name) and one.value.id == "self"}
    return own | names_in(class_.body)


def file_of(parts: list[str]) -> Path | None:
    """The module or package of this dotted name."""
    place = ROOT.joinpath(*parts)
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def dotted_exists(dotted: str) -> bool:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        file = file_of(parts[:length])
        if file is not None:
            return is_defined(module_names(file), parts[length:])
    return ROOT.joinpath(*parts).is_dir()  # folders of tests need be no packages


def missing(text: str) -> list[str]:
    """Paths and dotted names in ``text`` that lead nowhere."""
    paths = [one for match in _PATH.findall(text) for one in expanded(match.rstrip(".,-"))]
    without_paths = _PATH.sub("", text)
    dotted = [match for match in _DOTTED.findall(without_paths) if not match.endswith((".py", ".md"))]
    return [path for path in paths if not path_exists(path)] + [name for name in dotted if not dotted_exists(name)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_in_the_documents_exist(document: str) -> None:
    text = text_of(ROOT / document)
    modules = {file.name for file in files_of(*HOUSE)}
    assert missing(text) == []
    assert sorted({name for name in _FILE.findall(_PATH.sub("", text)) if name not in modules}) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tests_in_the_documents_exist(document: str) -> None:
    defined = {name for file in files_of("tests") for name in re.findall(r"\bdef (test_\w+)", text_of(file))}
    files = {file.stem for file in files_of("tests")}
    assert sorted(set(_TEST.findall(text_of(ROOT / document))) - defined - files) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_in_the_documents_exist(document: str) -> None:
    makefile = text_of(ROOT / "Makefile")
    named = set(re.findall(r"\bmake ([a-z]+)", " ".join(re.findall(r"`[^`\n]*`", text_of(ROOT / document)))))
    assert sorted(name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_methods_in_the_documents_exist(document: str) -> None:
    """What is written as `Engine.fold`: some class of the product of that name has it."""
    classes = {
        name: class_ for file in files_of(*PRODUCT) for name, class_ in names_in(tree_of(file).body).items() if class_
    }
    named = set(re.findall(r"`([A-Z]\w+)\.(\w+)`", text_of(ROOT / document)))
    found = {(name, member) for name, member in named if name in classes and member in members_of(classes[name])}
    assert sorted(".".join(one) for one in named - found) == []


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """Docstrings and comments of ``file``, with their lines."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, Documented) and (docstring := ast.get_docstring(node, clean=False)):
            yield node.body[0].lineno, docstring
    for number, line in enumerate(text_of(file).splitlines(), 1):
        _, sign, comment = line.partition("#")
        if sign:
            yield number, comment


def test_paths_in_docstrings_and_comments_of_the_product_exist() -> None:
    stale = {
        f"{name_of(file)}:{number}": found
        for file in files_of(*PRODUCT)
        for number, text in prose(file)
        if (found := missing(text))
    }
    assert stale == {}


# -- (d) the glossary ------------------------------------------------------------------------------------------------

#: English, 中文, meaning, 含义, where.
COLUMNS: Final = 5
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


def rows_of_the_glossary() -> list[list[str]]:
    """Cells of every term's row."""
    lines = (line for line in text_of(ROOT / "GLOSSARY.md").splitlines() if line.startswith("|"))
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return [row for row in rows if not set(row[0]) <= set("- :") and row[0] != "term"]


ROWS: Final = rows_of_the_glossary() if (ROOT / "GLOSSARY.md").is_file() else []

every_term = pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])


def test_the_glossary_has_terms_each_once() -> None:
    terms = Counter(row[0] for row in ROWS)
    assert terms
    assert {term: count for term, count in terms.items() if count > 1} == {}


@every_term
def test_a_term_is_explained_in_both_languages(row: list[str]) -> None:
    assert len(row) == COLUMNS
    english, chinese = row[2], row[3]
    assert english.endswith(".")
    assert not _CHINESE.search(row[0] + english)
    assert chinese.endswith("。")
    assert _CHINESE.search(row[1])


@every_term
def test_what_stands_for_a_term_in_the_code_exists(row: list[str]) -> None:
    """The last cell holds a module, or a folder, and what it defines: `streams/slices/slice.py` `Slice`."""
    quoted = re.findall(r"`([^`]+)`", row[-1])
    place, names = quoted[0], quoted[1:]
    assert (ROOT / place).exists(), place
    for name in names:
        assert is_defined(module_names(ROOT / place), name.split(".")), f"{place} defines no {name}"
