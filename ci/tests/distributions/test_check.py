"""From what was built to dist/: every gate looks at it, and nothing passes that one objects to."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import pytest

from ci.distributions import check, checks
from ci.distributions.archive import read_archive
from ci.distributions.checks import identity, packing, provenance
from ci.distributions.manifest import check_manifest
from ci.errors import UserError
from ci.tests.samples import (
    FAKE_AWS_KEY,
    METADATA,
    STEM,
    commit,
    git,
    make_package,
    make_sdist,
    make_wheel,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOOLS = check.TOOLS
WHEEL, SDIST = f"{STEM}-py3-none-any.whl", f"{STEM}.tar.gz"
INFO, DATA = f"{STEM}.dist-info", f"{STEM}.data"
RENDERED = METADATA.replace(b"\n\n", b"\nDescription-Content-Type: text/markdown\n\n")
GOOD = {f"{INFO}/METADATA": RENDERED}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in the current folder, and what was built of it beside it.

    The two tools, which take most of the time, run where a test asks for them.
    """
    monkeypatch.setattr(check, "TOOLS", ())
    for name in ("SOURCE_COMMIT", "DIST_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = make_package(tmp_path / "package")
    monkeypatch.chdir(root)
    (tmp_path / "built").mkdir()
    return root


def built(root: Path, wheel: dict[str, bytes] | None = None, *, sdist: bool = True) -> Path:
    """The folder of what was built: a good sdist, and a wheel with more or other members."""
    folder = root.parent / "built"
    if sdist:
        make_sdist(folder, {"PKG-INFO": RENDERED})
    make_wheel(folder, {**GOOD, **(wheel or {})})
    return folder


def refuse(folder: Path) -> str:
    """What the findings say."""
    with pytest.raises(UserError) as caught:
        check.main([str(folder)])
    assert caught.value.code == "gates"
    return caught.value.found


def rules(said: str) -> set[str]:
    """The rules of the findings, a line each after the first."""
    return {line.rpartition("[")[2].rstrip("]") for line in said.splitlines()[1:]}


def test_what_every_gate_lets_pass_is_put_into_dist_with_its_manifest(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "TOOLS", TOOLS)
    write(root, {"dist/demo_pkg-1.1.0.tar.gz": "left by an earlier build"})
    folder = built(root)
    check.main([str(folder)])
    assert check_manifest(root / "dist").keys() == {WHEEL, SDIST}
    for name in (WHEEL, SDIST):
        assert (root / "dist" / name).read_bytes() == (folder / name).read_bytes()
        assert name in capsys.readouterr().out or name == SDIST


_WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

# One thing that each gate alone objects to; without the gate it would get into dist/. Text is
# committed and shipped in the wheel, and in the sdist too where the name says so.
_COMMITTED: dict[str, dict[str, str]] = {
    "unsafe-member": {"src/demo_pkg/A.py": "", "src/demo_pkg/a.py": "0\n"},
    "stated-version": {"src/demo_pkg/__init__.py": '__version__ = "1.2.1"\n'},
    "private-name": {"src/demo_pkg/study.csv": "1\n"},
    "secret": {"src/demo_pkg/a.py": FAKE_AWS_KEY},
    "wheel-contents": {"src/docs/a.py": "0\n"},
}
_CRAFTED: dict[str, dict[str, bytes]] = {
    "not-committed": {"demo_pkg/__init__.py": b"evil\n"},
    "dist-info": {f"{INFO}/RECORD.jws": b"{}"},
    "data-folder": {f"{DATA}/scripts/pip": b"evil\n"},
    "wheel-file": {f"{INFO}/WHEEL": _WHEEL + b"Hook: evil\n"},
    "metadata": {f"{INFO}/METADATA": RENDERED.replace(b"\n\n", b"\nRequires-Dist: evil\n\n")},
    "entry-points": {f"{INFO}/entry_points.txt": b"[console_scripts]\npip = evil\n"},
    "twine-check": {f"{INFO}/METADATA": METADATA},
}


def build_with(rule: str, root: Path) -> None:
    """What `rule` alone objects to, in the folder of what was built."""
    folder = root.parent / "built"
    if rule in _COMMITTED:
        write(root, _COMMITTED[rule])
        commit(root)
        files = {name: text.encode() for name, text in _COMMITTED[rule].items()}
        built(root, {name.removeprefix("src/"): text for name, text in files.items()})
        if rule == "stated-version":
            make_sdist(folder, {"PKG-INFO": RENDERED, **files})
    elif rule in _CRAFTED:
        built(root, _CRAFTED[rule])
    else:
        _OTHERWISE[rule](root)


def too_large(root: Path) -> None:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    write(root, {"pyproject.toml": f"{text}[tool.ci]\nmax-size = 1200\n"})
    commit(root)
    pyproject = (root / "pyproject.toml").read_bytes()
    make_sdist(built(root), {"PKG-INFO": RENDERED, "pyproject.toml": pyproject})


def packed_oddly(root: Path) -> None:
    wheel = built(root) / WHEEL
    wheel.write_bytes(wheel.read_bytes() + b"more")


def recorded_wrongly(root: Path) -> None:
    record = read_archive(built(root) / WHEEL, max_size=10**6).files[f"{INFO}/RECORD"]
    built(root, {f"{INFO}/RECORD": record.rstrip() + b"0\n"})


def at_the_top(root: Path) -> None:
    write(root, {"results/a.txt": ""})
    commit(root)
    make_sdist(built(root), {"PKG-INFO": RENDERED, "results/a.txt": b""})


def lacking(root: Path) -> None:
    write(root, {"src/demo_pkg/words.txt": ""})
    commit(root)
    built(root)


def no_text(root: Path) -> None:
    (root / "src/demo_pkg/model").write_bytes(b"\xff")
    commit(root)
    built(root, {"demo_pkg/model": b"\xff"})


def badly_named(root: Path) -> None:
    write(built(root), {"notes.txt": ""})


_OTHERWISE: dict[str, Callable[[Path], None]] = {
    "size": too_large,
    "packing": packed_oddly,
    "record": recorded_wrongly,
    "root": at_the_top,
    "missing": lacking,
    "not-text": no_text,
    "file-name": badly_named,
}
_RULES = [*_COMMITTED, *_CRAFTED, *_OTHERWISE]


@pytest.mark.parametrize("rule", _RULES)
def test_each_gate_stops_what_no_other_gate_does(
    root: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    if rule in {"twine-check", "wheel-contents"}:
        monkeypatch.setattr(check, "TOOLS", TOOLS)
    build_with(rule, root)
    assert rules(refuse(root.parent / "built")) == {rule}
    assert not (root / "dist").exists()


def test_every_check_that_is_written_is_called_and_has_such_a_thing() -> None:
    modules = [
        import_module(f"{checks.__name__}.{each.name}") for each in iter_modules(checks.__path__)
    ]
    written = {
        function
        for module in modules
        for name, function in vars(module).items()
        if not name.startswith("_")
        and getattr(function, "__annotations__", {}).get("return") == "Iterator[Finding]"
    }
    called = {*check.GATES, *TOOLS, packing.packing, identity.file_names}
    assert written == called | {provenance.provenance}  # it calls several of them
    assert len(_RULES) == len(called)


def test_everything_that_is_wrong_is_said_at_once(root: Path) -> None:
    folder = built(root, {"demo_pkg/evil.py": b"", "pip/__init__.py": b""}, sdist=False)
    write(folder, {"notes.txt": ""})
    said = refuse(folder)
    assert "for 5 reason(s):" in said
    assert rules(said) == {"file-name", "untracked", "root"}


def test_two_wheels_are_one_too_many(root: Path) -> None:
    folder = built(root)
    (folder / WHEEL).rename(folder / f"{STEM}-py2-none-any.whl")
    built(root)
    assert "there is more than one wheel of demo-pkg" in refuse(folder)


def test_an_empty_folder_is_refused(root: Path) -> None:
    said = refuse(root.parent / "built")
    assert "there is no sdist" in said
    assert "there is no wheel" in said


# --- what it is compared with --------------------------------------------------------------------


def test_on_a_laptop_changes_that_are_not_committed_count(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '__version__ = "1.2.0"  # changed\n'
    write(root, {"src/demo_pkg/__init__.py": text})
    folder = built(root, {"demo_pkg/__init__.py": text.encode()})
    make_sdist(folder, {"PKG-INFO": RENDERED, "src/demo_pkg/__init__.py": text.encode()})
    check.main([str(folder)])
    assert "compared with the working tree, where 1 file(s) are not committed" in (
        capsys.readouterr().out
    )


def test_where_an_event_named_the_commit_head_alone_counts(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '__version__ = "1.2.0"  # changed by a dependency\n'
    write(root, {"src/demo_pkg/__init__.py": text})
    monkeypatch.setenv("SOURCE_COMMIT", git(root, "rev-parse", "HEAD"))
    folder = built(root, {"demo_pkg/__init__.py": text.encode()})
    make_sdist(folder, {"PKG-INFO": RENDERED, "src/demo_pkg/__init__.py": text.encode()})
    said = refuse(folder)
    assert rules(said) == {"not-committed"}
    assert said.count("/__init__.py in git") == len((WHEEL, SDIST))


# --- dist/ ---------------------------------------------------------------------------------------


def test_what_was_in_dist_is_gone_when_the_check_fails(root: Path) -> None:
    write(root, {"dist/old.whl": ""})
    refuse(root.parent / "built")
    assert not (root / "dist").exists()


def test_a_dist_that_is_not_ours_is_left_alone(root: Path) -> None:
    write(root, {"dist/thesis.docx": "mine"})
    with pytest.raises(UserError) as caught:
        check.main([str(built(root))])
    assert caught.value.code == "dist-not-ours"
    assert (root / "dist/thesis.docx").read_text(encoding="utf-8") == "mine"


def test_the_folder_that_dist_dir_names_is_filled(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIST_DIR", "out")
    check.main([str(built(root))])
    assert check_manifest(root / "out").keys() == {WHEEL, SDIST}
    assert not (root / "dist").exists()


def test_a_copy_that_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"built/demo.whl": "", "built/demo.tar.gz": ""})

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "write_manifest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check.copy(tmp_path / "built", tmp_path / "dist")
    assert not (tmp_path / "dist").exists()
