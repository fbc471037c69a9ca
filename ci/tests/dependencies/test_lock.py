"""The locks satisfy their groups, or somebody is told which does not."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ci.dependencies import lock
from ci.errors import UserError, exit_with
from ci.package.project import Project, read_project

ROOT = Path(__file__).parents[3]
PYPROJECT = """
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "sample"
version = "1"
classifiers = ["Programming Language :: Python :: 3.8", "Programming Language :: Python :: 3.12"]
[dependency-groups]
build = ["packaging"]
test = ["iniconfig>=2", {include-group = "build"}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "sample").mkdir()
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    return read_project(tmp_path)


def edit(project: Project, old: str, new: str) -> Project:
    path = project.root / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return read_project(project.root)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("compiled")
    (root / "sample").mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    lock.compile_locks(read_project(root), ["build", "test", "backend"], upgrade=False)
    return root


@pytest.fixture
def locked(project: Project, compiled: Path) -> Project:
    """A project whose locks have been compiled."""
    shutil.copytree(compiled / "ci", project.root / "ci")
    return project


def test_this_repositorys_locks_are_hash_pinned_and_satisfy_their_groups() -> None:
    project = read_project(ROOT)
    lock.check(project)
    for group in lock.wanted(project):
        text = (ROOT / lock.lock_file(group)).read_text(encoding="utf-8")
        assert text.count("==") >= len(lock.pins(text)) >= 1
        assert text.count("--hash=sha256:") >= len(lock.pins(text))


def test_no_lock_names_an_index() -> None:
    for path in [*ROOT.glob("ci/locks/*.txt"), ROOT / "cdk/requirements.txt"]:
        assert "://" not in path.read_text(encoding="utf-8"), path


def test_what_was_compiled_is_accepted(locked: Project) -> None:
    lock.check(locked)
    text = (locked.root / "ci/locks/test.txt").read_text(encoding="utf-8")
    assert {pin.name for pin in lock.pins(text)} == {"iniconfig", "packaging"}
    assert any("3.8" in str(pin.marker) or "3.9" in str(pin.marker) for pin in lock.pins(text))
    assert (
        (locked.root / "ci/locks/backend.txt").read_text(encoding="utf-8").startswith("flit-core")
    )


def test_compiling_again_keeps_what_is_pinned(locked: Project) -> None:
    path = locked.root / "ci/locks/build.txt"
    pinned = path.read_text(encoding="utf-8")
    older = edit(locked, '["packaging"]', '["packaging==24.0"]')
    lock.compile_locks(older, ["build"], upgrade=False)
    assert "packaging==24.0" in path.read_text(encoding="utf-8")
    free = edit(older, '["packaging==24.0"]', '["packaging"]')
    lock.compile_locks(free, ["build"], upgrade=False)
    assert "packaging==24.0" in path.read_text(encoding="utf-8")
    lock.compile_locks(free, ["build"], upgrade=True)
    assert path.read_text(encoding="utf-8") == pinned


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"iniconfig>=2"', '"iniconfig>=99"', "test.txt does not satisfy 'iniconfig>=99'"),
        ('"iniconfig>=2"', '"iniconfig", "tomli"', "test.txt does not satisfy 'tomli'"),
        ('["packaging"]', '["packaging[extra]"]', "build.txt does not satisfy 'packaging[extra]'"),
        ('"iniconfig>=2"', "\"tomli; python_version<'3.9'\"", "Python 3.8"),
        ('["flit_core"]', '["flit_core>=99"]', "backend.txt does not satisfy 'flit_core>=99'"),
    ],
    ids=["version", "new", "extra", "one-python", "backend"],
)
def test_a_stale_lock_is_named_with_the_remedy(
    locked: Project, old: str, new: str, named: str
) -> None:
    with pytest.raises(UserError, match="nox -s lock") as raised:
        lock.check(edit(locked, old, new))
    assert named in str(raised.value)


HASH = "--hash=sha256:" + "0" * 64

ODD = {
    "another index": ("--index-url example.invalid\n", "has '--index-url example.invalid'"),
    "one more index": ("--extra-index-url=example.invalid\n", "has '--extra-index-url"),
    "a short option": ("-i example.invalid\n", "has '-i example.invalid'"),
    "links": ("--find-links wheels\n", "has '--find-links wheels'"),
    "a trusted host": ("--trusted-host example.invalid\n", "has '--trusted-host"),
    "sources": ("--no-binary :all:\n", "has '--no-binary :all:'"),
    "another file": ("-r other.txt\n", "has '-r other.txt'"),
    "constraints": ("-c other.txt\n", "has '-c other.txt'"),
    "an editable": ("-e .\n", "has '-e .'"),
    "a folder": (f"./evil {HASH}\n", "has './evil"),
    "a file": (f"wheels/evil-1-py3-none-any.whl {HASH}\n", "has 'wheels/evil"),
    "a URL": (f"evil @ file:///evil.whl {HASH}\n", "has 'evil @ file"),
    "a bare URL": (f"file:///evil.whl {HASH}\n", "has 'file:///evil.whl"),
    "git": (f"evil @ git+file:///evil {HASH}\n", "has 'evil @ git"),
    "no hash": ("evil==1\n", "has 'evil==1', which is no pin"),
    "an empty hash": ("evil==1 --hash=sha256:\n", "has 'evil==1 --hash=sha256:'"),
    "a weak hash": ("evil==1 --hash=md5:" + "0" * 32 + "\n", "has 'evil==1 --hash=md5"),
    "a range": (f"evil>=1 {HASH}\n", "has 'evil>=1"),
    "several versions": (f"evil==1,!=2 {HASH}\n", "has 'evil==1,!=2"),
    "any version": (f"evil==1.* {HASH}\n", "has 'evil==1.*"),
    "the very text": (f"evil===1 {HASH}\n", "has 'evil===1"),
    "an option behind a comment": ("# via \\\n--pre\n", "has '--pre'"),
    "an option behind": (f"evil==1 {HASH} --config-settings=a=b\n", "has 'evil==1"),
    "a comment behind": (f"evil==1 {HASH} # fine\n", "has 'evil==1"),
    "a line that goes on": (f"evil==1 \\\n    {HASH} \\\n-e .\n", "has 'evil==1"),
    "another spelling": (f"Evil_Pkg==1 {HASH}\n", "has 'Evil_Pkg==1"),
    "a marker that is none": (f"evil==1 ; on_sundays {HASH}\n", "is not a valid lock"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_line_that_is_not_a_pin_with_hashes_is_named(locked: Project, name: str) -> None:
    line, said = ODD[name]
    path = locked.root / "ci/locks/test.txt"
    text = path.read_text(encoding="utf-8")
    for changed in (text + line, line + text):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(UserError) as raised:
            lock.check(locked)
        assert f"ci/locks/test.txt {said}" in raised.value.found


def test_a_pin_that_nothing_asks_for_is_named(locked: Project) -> None:
    path = locked.root / "ci/locks/test.txt"
    text = path.read_text(encoding="utf-8")
    for via in ("", "    # via\n    #   -r elsewhere.in\n", "    # via evil\n", "    # via gone\n"):
        path.write_text(f"{text}evil==1 \\\n    {HASH}\n{via}", encoding="utf-8")
        with pytest.raises(UserError, match=r"test\.txt pins evil, which nothing requires"):
            lock.check(locked)
    for via in ("    # via iniconfig\n", "    # via\n    #   gone\n    #   iniconfig\n"):
        path.write_text(f"{text}evil==1 \\\n    {HASH}\n{via}", encoding="utf-8")
        lock.check(locked)


def test_a_chain_of_pins_is_followed_from_what_the_group_asks_for() -> None:
    text = f"c==1 {HASH}\n    # via b\nb==1 {HASH}\n    # via a\na==1 {HASH}\nd==1 {HASH}\n"
    assert lock.unasked(["A>=1"], text) == ["d"]
    assert lock.unasked(["d"], text) == ["a", "b", "c"]
    circle = f"a==1 {HASH}\n    # via b\nb==1 {HASH}\n    # via a\n"
    assert lock.unasked([], circle) == ["a", "b"]


def test_one_package_may_have_a_pin_for_each_python() -> None:
    text = f"a==1 ; python_version < '3.9' {HASH}\na==2 ; python_version >= '3.9' {HASH}\n"
    assert list(lock.odd_lines(text)) == []
    twice = text.replace(">=", "<")
    assert list(lock.odd_lines(twice)) == ["pins a twice: 1 and 2"]
    assert list(lock.odd_lines(f"# none\n\na[b, c-d]==1.0+local {HASH} {HASH}\n")) == []


def test_a_pin_satisfies_every_spelling_of_its_name_and_extras() -> None:
    text = f"ruamel-yaml==1 {HASH}\nsqlalchemy[postgresql-asyncpg]==2 {HASH}\n"
    asked = ["ruamel.yaml", "Ruamel__YAML>=1", "SQLAlchemy[postgresql_asyncpg]", "sqlalchemy"]
    assert lock.unsatisfied(asked, lock.pins(text), "3.12") == []
    other = ["ruamel.yaml.clib", "ruamelyaml", "SQLAlchemy[postgresql_psycopg]", "ruamel.yaml>=2"]
    assert lock.unsatisfied(other, lock.pins(text), "3.12") == other


def test_a_missing_lock_of_what_is_always_installed_is_named(locked: Project) -> None:
    (locked.root / "ci/locks/test.txt").unlink()
    with pytest.raises(UserError, match=r"test\.txt is missing"):
        lock.check(locked)


def test_a_group_that_no_session_installs_needs_no_lock_until_it_is_named(locked: Project) -> None:
    project = edit(locked, "test = [", 'docs = ["tomli"]\ntest = [')
    lock.check(project)
    lock.compile_locks(project, ["docs"], upgrade=False)
    with pytest.raises(UserError, match=r"docs\.txt does not satisfy 'tomli>=99'"):
        lock.check(edit(project, '"tomli"', '"tomli>=99"'))


def test_a_requirement_for_another_python_needs_no_pin(locked: Project) -> None:
    lock.check(edit(locked, '"iniconfig>=2"', '"iniconfig", "tomli; python_version<\'3.7\'"'))


def test_a_file_that_is_not_a_lock_is_named(locked: Project) -> None:
    (locked.root / "ci/locks/build.txt").write_text("<<<<<<< HEAD\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"build\.txt has '<<<<<<< HEAD'"):
        lock.check(locked)


def test_what_can_not_be_resolved_changes_no_lock(locked: Project) -> None:
    folder = locked.root / "ci/locks"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UserError) as raised:
        lock.compile_locks(
            edit(locked, '"iniconfig>=2"', '"iniconfig>=99"'), ["build", "test"], upgrade=True
        )
    assert raised.value.code == "lock-unresolvable"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path for path in locked.root.iterdir() if path.name.startswith(".locks")] == []


@pytest.mark.parametrize(
    "bad", ['{include-group = "gone"}', '{include-group = "test"}', "3", '"a b"', "{}"]
)
def test_a_group_that_can_not_be_resolved_is_named(project: Project, bad: str) -> None:
    with pytest.raises(UserError, match="'test'") as raised:
        lock.wanted(edit(project, '"iniconfig>=2"', bad))
    assert raised.value.code == "dependency-group"


def test_a_package_without_a_group_for_its_tests_is_told_to_add_one(project: Project) -> None:
    with pytest.raises(UserError, match="no dependency group named test") as raised:
        lock.check(edit(project, "test = [", "tests = ["))
    assert raised.value.code == "no-test-group"


def test_a_group_that_is_not_there_is_named(project: Project) -> None:
    with pytest.raises(UserError, match="no dependency group gone") as raised:
        lock.compile_locks(project, ["gone"], upgrade=False)
    assert raised.value.code == "unknown-group"


def test_the_command_line_checks_and_compiles(
    locked: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(locked.root)
    monkeypatch.setattr(sys, "argv", ["lock", "--check"])
    lock.main()
    monkeypatch.setattr(sys, "argv", ["lock", "build"])
    lock.main()
    assert "ci/locks/build.txt: 1 pins" in capsys.readouterr().out


def test_a_stale_lock_ends_the_session_without_a_traceback(
    locked: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(locked, '["packaging"]', '["packaging>=999"]')
    monkeypatch.chdir(locked.root)
    monkeypatch.setattr(sys, "argv", ["lock", "--check"])
    with pytest.raises(SystemExit) as ended:
        exit_with(lock.main)
    assert ended.value.code == 1
    assert "[stale-lock]" in capsys.readouterr().err


def test_the_package_s_own_groups_get_a_lock_and_others_need_one(project: Project) -> None:
    groups = {"test": ["pytest"], "typecheck": ["mypy"], "docs": ["sphinx"]}
    found = lock.wanted(replace(project, groups=groups))
    assert list(found) == ["test", "typecheck", lock.BACKEND]
    assert list(lock.wanted(replace(project, groups=groups), "docs"))[2] == "docs"
    for group in ("test", "typecheck"):
        assert lock.pythons(project, group) == list(project.python_versions)


WHEELS = {
    "x-1-py3-none-any.whl": True,
    "x-1-py2.py3-none-any.whl": True,
    "x-1-py38-none-any.whl": True,
    "x-1-cp312-cp312-manylinux_2_17_x86_64.whl": True,
    "x-1-cp312-none-win_amd64.whl": True,
    "x-1-cp39-abi3-macosx_11_0_arm64.whl": True,
    "x-1-py313-none-any.whl": False,
    "x-1-py2-none-any.whl": False,
    "x-1-cp311-cp311-manylinux_2_17_x86_64.whl": False,
    "x-1-cp313-cp313t-manylinux_2_17_x86_64.whl": False,
    "x-1-cp313-abi3-win_amd64.whl": False,
    "x-1-pp310-pypy310_pp73-win_amd64.whl": False,
}


def pylock(*names: str) -> dict[str, Any]:
    wheels = [{"url": f"https://x.invalid/{name}", "hashes": {"sha256": name}} for name in names]
    sdist = {"url": "https://x.invalid/x-1.tar.gz", "hashes": {"sha256": "x-1.tar.gz"}}
    return {"packages": [{"name": "x", "version": "1", "sdist": sdist, "wheels": wheels}]}


def test_the_tools_locks_have_only_the_hashes_of_wheels_for_their_python() -> None:
    expected = {name for name, fits in WHEELS.items() if fits}
    assert lock._installable(pylock(*WHEELS), "lint") == expected  # noqa: SLF001 - no network
    assert lock._installable(pylock(*WHEELS), "test") == set(WHEELS)  # noqa: SLF001 - as above


@pytest.mark.parametrize("group", ["lint", "test"])
def test_a_package_without_a_wheel_is_not_locked(group: str) -> None:
    names = [name for name, fits in WHEELS.items() if not fits] if group == "lint" else []
    with pytest.raises(UserError, match=r"x 1, which the group '\w+' needs, has no wheel"):
        lock._installable(pylock(*names), group)  # noqa: SLF001 - no network


def test_a_lock_has_no_hash_of_a_source_distribution(compiled: Path) -> None:
    text = (compiled / "ci/locks/build.txt").read_text(encoding="utf-8")
    assert text.count("--hash=") == len(lock.pins(text))  # each has one wheel, and an sdist
