"""The noxfile reads like a table of contents, and `pr` and `release` leave nothing out."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOXFILE = ROOT / "noxfile.py"


def functions() -> list[ast.FunctionDef]:
    tree = ast.parse(NOXFILE.read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def sessions() -> list[ast.FunctionDef]:
    return [f for f in functions() if "nox.session" in ast.unparse(f).partition("def ")[0]]


def requires(name: str) -> set[str]:
    """All that session `name` requires, directly or not, as the noxfile states it."""
    tree = ast.parse(NOXFILE.read_text(encoding="utf-8"))
    lists = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
        for target in node.targets
        if isinstance(target, ast.Name)
        and all(isinstance(e, ast.Constant) for e in node.value.elts)
    }
    direct: dict[str, list[str]] = {}
    for function in functions():
        for decorator in function.decorator_list:
            for keyword in getattr(decorator, "keywords", []):
                if keyword.arg == "requires":
                    value = keyword.value
                    direct[function.name] = (
                        lists[value.id] if isinstance(value, ast.Name) else ast.literal_eval(value)
                    )
    found: set[str] = set()
    todo = [name]
    while todo:
        todo += [other for other in direct.get(todo.pop(), []) if other not in found]
        found |= set(todo)
    return found


def test_every_session_says_in_one_line_what_it_does() -> None:
    assert len(sessions()) > 15
    for session in sessions():
        assert re.fullmatch(r"[A-Z].{20,110}[.]", ast.get_docstring(session) or ""), session.name


def test_sessions_are_short() -> None:
    lengths = {f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions()}
    assert max(lengths.values()) <= 14, lengths
    assert len(NOXFILE.read_text(encoding="utf-8").splitlines()) <= 260


def test_it_imports_nothing_but_nox_and_the_standard_library() -> None:
    tree = ast.parse(NOXFILE.read_text(encoding="utf-8"))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"nox"}


def test_a_pull_request_passes_every_check() -> None:
    checks = {"lint", "typecheck", "locks", "commit", "pythons", "build", "tests", "coverage"}
    assert requires("pr") == checks | {"ci_tests", "cdk_tests"}


def test_a_release_passes_all_that_and_more_and_uploads_nothing() -> None:
    assert requires("release") == requires("pr") | {"pr", "version", "reproduce"}


def test_publish_runs_nothing_of_the_package_before_it() -> None:
    assert requires("publish") == set()


def test_bare_nox_runs_what_is_safe_and_quick() -> None:
    default = {f.name for f in sessions() if "default=False" not in ast.unparse(f)}
    assert default == {"lint", "typecheck", "build", "tests", "coverage"}


def test_the_pipelines_own_files_name_no_package() -> None:
    name = re.compile(r"""(?m)^name = "([^"]+)\"""").findall(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )[0]
    stem = re.split(r"[-_.]", name)[0]
    files = [NOXFILE, ROOT / "buildspec.yml", *(ROOT / "ci").rglob("*"), *(ROOT / "cdk").rglob("*")]
    texts = [
        path
        for path in files
        if path.is_file() and path.suffix in {".py", ".yml", ".txt", ".json", ".ini", ".toml"}
    ]
    assert len(texts) > 20
    assert [str(p) for p in texts if stem in p.read_text(encoding="utf-8", errors="replace")] == []
