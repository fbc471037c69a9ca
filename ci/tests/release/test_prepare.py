"""The version and the changelog entry that a person names are written, all of it or nothing."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from packaging.version import Version

from ci.checkout.version import parse_version, places_in
from ci.distributions.version import backend_version
from ci.errors import UserError
from ci.package.project import read_project
from ci.release import prepare
from ci.tests.samples import commit, git, make_package, write

INIT = "src/demo_pkg/__init__.py"
NEW = "# Changelog\n\n## [Unreleased]\n\n- New.\n\n## [1.2.0] - 2026-01-31\n\n- Demo.\n"
TODAY = datetime.now(UTC).date()
DAY = date(2026, 2, 1)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The good package with something unreleased; what its backend says is read, not run."""
    root = make_package(tmp_path)
    write(root, {"CHANGELOG.md": NEW})
    commit(root)
    monkeypatch.chdir(root)
    monkeypatch.setattr(prepare, "backend_version", read_version)
    return root


def read_version(root: Path) -> Version:
    match = re.search(
        r'__version__ = "(.*)"', (root / INIT).read_text(encoding="utf-8", errors="replace")
    )
    return Version(match[1]) if match else Version("1.2.1.dev3+g1234567")


def refuse(*arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        prepare.main(arguments)
    return caught.value.code


def changed(root: Path) -> str:
    return git(root, "status", "--porcelain")


def read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


# --- all of it -----------------------------------------------------------------------------------


def test_version_and_changelog_are_written_shown_and_not_committed(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = git(package, "rev-parse", "HEAD")
    prepare.main(["1.3.0"])
    assert read(package, INIT) == '"""Demo."""\n\n__version__ = "1.3.0"\n'
    assert read(package, "CHANGELOG.md") == NEW.replace(
        "## [Unreleased]\n", f"## [Unreleased]\n\n## [1.3.0] - {TODAY}\n"
    )
    shown = capsys.readouterr().out
    assert '-__version__ = "1.2.0"\n+__version__ = "1.3.0"\n' in shown
    assert f"+## [1.3.0] - {TODAY}\n" in shown
    assert 'git commit -am "Release 1.3.0"' in shown
    assert "run `nox -s ready` on the release branch" in shown
    assert git(package, "rev-parse", "HEAD") == head
    assert git(package, "diff", "--name-only").split() == ["CHANGELOG.md", INIT]


def test_a_package_without_a_changelog_gets_its_version(package: Path) -> None:
    text = read(package, "pyproject.toml")
    write(package, {"pyproject.toml": f"{text}[tool.ci]\nchangelog = false\n"})
    prepare.main(["1.3.0"])
    assert '"1.3.0"' in read(package, INIT)
    assert read(package, "CHANGELOG.md") == NEW


def test_a_version_from_git_s_tags_is_written_nowhere_so_ready_needs_it(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(package, {INIT: '"""Demo."""\n'})
    commit(package)
    prepare.main(["1.3.0"])
    assert changed(package) == "M CHANGELOG.md"
    assert "run `nox -s ready -- 1.3.0` on the release branch" in capsys.readouterr().out
    git(package, "checkout", "--quiet", ".")
    assert refuse("1.2.0") == "version-not-above"


def test_the_first_release_may_have_the_version_that_is_there(package: Path) -> None:
    write(package, {"CHANGELOG.md": "# Changelog\n"})
    commit(package)
    prepare.main(["1.2.0"])
    assert changed(package) == "M CHANGELOG.md"
    git(package, "checkout", "--quiet", ".")
    git(package, "tag", "v1.2.0")
    assert refuse("1.2.0") == "version-published"


def test_the_ends_of_lines_stay_as_they_are(package: Path) -> None:
    (package / INIT).write_bytes(b'__version__ = "1.2.0"\r\n')
    commit(package)
    prepare.main(["1.3.0"])
    assert (package / INIT).read_bytes() == b'__version__ = "1.3.0"\r\n'


def test_a_module_that_is_not_utf_8_keeps_its_bytes(package: Path) -> None:
    (package / INIT).write_bytes(b'# coding: latin-1\n# Gr\xf6\xdfe\n__version__ = "1.2.0"\n')
    commit(package)
    prepare.main(["1.3.0"])
    changed = b'# coding: latin-1\n# Gr\xf6\xdfe\n__version__ = "1.3.0"\n'
    assert (package / INIT).read_bytes() == changed


# --- or nothing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("1.2.0", "changelog-has-it"),
        ("1.1.9", "version-not-above"),
        ("1.2.0rc1", "version-not-above"),
        ("1.3.0.dev1", "version-not-public"),
        ("1.3.0+local", "version-not-public"),
    ],
)
def test_a_version_that_is_not_next_is_refused(package: Path, version: str, code: str) -> None:
    assert refuse(version) == code
    assert changed(package) == ""


def test_the_entry_of_another_version_that_was_prepared_does_not_stay(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.main(["1.3.0"])
    prepared = git(package, "diff")
    capsys.readouterr()
    with pytest.raises(UserError) as caught:
        prepare.main(["1.4.0"])
    assert caught.value.code == "changelog-uncommitted"
    assert f"'[1.3.0] - {TODAY}'" in caught.value.found
    assert git(package, "diff") == prepared
    git(package, "checkout", "--quiet", ".")
    prepare.main(["1.4.0"])
    assert "1.3.0" not in read(package, "CHANGELOG.md")


def test_a_changelog_that_git_does_not_have_yet_gets_its_entry(package: Path) -> None:
    git(package, "rm", "--quiet", "--cached", "CHANGELOG.md")
    git(package, "commit", "--quiet", "--message=Without")
    prepare.main(["1.3.0"])
    assert f"## [1.3.0] - {TODAY}" in read(package, "CHANGELOG.md")


def test_what_is_no_version_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        prepare.main(["next"])
    assert "invalid Version value: 'next'" in capsys.readouterr().err


def test_a_version_in_two_places_is_refused_and_both_are_named(package: Path) -> None:
    write(package, {"src/demo_pkg/about.py": '__version__ = "1.2.0"\n'})
    commit(package)
    with pytest.raises(UserError, match=r"in 2 places: .*__init__\.py, .*about\.py"):
        prepare.main(["1.3.0"])
    assert changed(package) == ""


def test_a_version_in_no_place_is_refused_and_says_where_it_looked(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(package, "tag", "v1.2.5", "HEAD^")
    monkeypatch.setattr(prepare, "backend_version", lambda _: Version("1.2.5"))
    with pytest.raises(UserError, match=f"none of these files: pyproject.toml, {INIT}") as caught:
        prepare.main(["1.3.0"])
    assert caught.value.code == "version-place"
    assert changed(package) == ""


def test_what_the_backend_does_not_confirm_is_taken_back(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "backend_version", lambda _: Version("1.2.0"))
    assert refuse("1.3.0") == "version-unchanged"
    assert changed(package) == ""


def test_what_is_stopped_is_taken_back(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "check_written", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare.main(["1.3.0"])
    assert changed(package) == ""


def test_a_file_that_can_not_be_written_leaves_the_others_as_they_were(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_text

    def full(path: Path, text: str, **how: str) -> int:
        if path.name == "CHANGELOG.md":
            raise OSError
        return written(path, text, **how)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match=r"^$"):
        prepare.main(["1.3.0"])
    assert changed(package) == ""


# --- the version ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", '[project]\nname = "a"\nversion = "1.2.0"  # by hand\n# end\n'),
        ("pyproject.toml", "[tool.poetry]\nversion='1.2.0'\n[other]\nversion = '9'\n"),
        ("about.py", '"""1.2.0"""\n__version__: str = "1.2.0"  # x\nAPI = "1.2.0"\n'),
        ("about.py", "VERSION = 'v1.2.0'\nversion = '9'\n"),
        ("about.py", "version = '9'\nversion = '1.2.0'\n"),
        ("VERSION", "1.2.0\n"),
    ],
)
def test_nothing_but_the_version_changes(path: str, text: str) -> None:
    place = next(p for p in places_in(Path(path), text) if p.value != "9")
    after = prepare.with_version(place, text, Version("1.3.0"))
    lines = zip(text.splitlines(), after.splitlines(), strict=True)
    changes = [(old, new) for old, new in lines if old != new]
    assert len(changes) == 1
    old, new = changes[0]
    assert new.replace("'", '"') == old.replace("'", '"').replace("1.2.0", "1.3.0")
    again = [parse_version(p.value) for p in places_in(Path(path), after)]
    assert Version("1.3.0") in again


# --- the changelog -------------------------------------------------------------------------------


def entry(root: Path, text: str, name: str = "CHANGELOG.md") -> str:
    return prepare.with_entry(root, Path(name), text, Version("1.3.0"), DAY)


def test_what_is_unreleased_becomes_the_entry(tmp_path: Path) -> None:
    text = "# Log\n\n## Unreleased\n\n### Added\n\n- New.\n\n## 1.2.0 (2026-01-31)\n\n- Demo.\n"
    assert entry(tmp_path, text) == text.replace(
        "## Unreleased\n", "## Unreleased\n\n## 1.3.0 (2026-02-01)\n"
    )


def test_underlined_titles_stay_underlined(tmp_path: Path) -> None:
    text = "Unreleased\n==========\n\n- New.\n\n1.2.0 (2026-01-31)\n==================\n"
    assert entry(tmp_path, text, "CHANGES.rst") == text.replace(
        "==========\n\n- New.",
        "==========\n\n1.3.0 (2026-02-01)\n==================\n\n- New.",
        1,
    )


def test_an_entry_that_waits_for_its_date_gets_it(tmp_path: Path) -> None:
    text = "1.3.0 (unreleased)\n------------------\n\n- New.\n\n1.2.0 (2026-01-31)\n----\n"
    assert entry(tmp_path, text, "CHANGES.rst") == text.replace("unreleased", "2026-02-01")


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "## [1.3.0] - 2026-02-01\n\n{}\n"),
        ("# Log\n", "# Log\n\n## [1.3.0] - 2026-02-01\n\n{}\n"),
        ("# Log\n\n## 1.2\n", "# Log\n\n## [1.3.0] - 2026-02-01\n\n{}\n\n## 1.2\n"),
        (
            "# Log\n\n## Unreleased\n\n### Added\n<!-- here -->\n\n## 1.2 - 2026-01-31\n",
            (
                "# Log\n\n## Unreleased\n\n### Added\n<!-- here -->\n\n"
                "## 1.3.0 - 2026-02-01\n\n{}\n\n## 1.2 - 2026-01-31\n"
            ),
        ),
        (
            "## Unreleased\n\n[Unreleased]: https://example.invalid/compare/v1.2...HEAD\n",
            (
                "## Unreleased\n\n## [1.3.0] - 2026-02-01\n\n{}\n\n"
                "[Unreleased]: https://example.invalid/compare/v1.3.0...HEAD\n"
                "[1.3.0]: https://example.invalid/compare/v1.2...v1.3.0\n"
            ),
        ),
    ],
)
def test_without_anything_unreleased_the_commits_are_the_entry(
    tmp_path: Path, text: str, after: str
) -> None:
    root = make_package(tmp_path)
    git(root, "commit", "--quiet", "--allow-empty", "--message=Older")
    git(root, "tag", "v1.2.0")
    git(root, "tag", "nightly")
    for subject in ("Add #1", "Fix *that*"):
        git(root, "commit", "--quiet", "--allow-empty", f"--message={subject}\n\nWhy.")
    assert entry(root, text) == after.format("- Fix *that*\n- Add #1")


@pytest.mark.parametrize("tag", ["v1.2.0", "1.2.0"])
def test_the_last_release_is_the_newest_tag_of_a_version(tmp_path: Path, tag: str) -> None:
    root = make_package(tmp_path)
    git(root, "tag", tag)
    for name in ("nightly", "pipeline-1"):
        git(root, "commit", "--quiet", "--allow-empty", f"--message=Up to {name}")
        git(root, "tag", name)
    assert prepare.commits(root) == "- Up to pipeline-1\n- Up to nightly"


def test_a_shallow_clone_that_lacks_the_last_tag_lists_no_commits(
    package: Path, tmp_path: Path
) -> None:
    git(package, "tag", "v1.2.0", "HEAD^")
    shallow = tmp_path / "shallow"
    git(package, "clone", "--quiet", "--depth=1", f"file://{package}", str(shallow))
    with pytest.raises(UserError, match="shallow-clone"):
        prepare.commits(shallow)
    git(shallow, "fetch", "--quiet", "--unshallow", "--tags")
    assert prepare.commits(shallow) == "- Change"


def test_a_subject_that_is_not_utf_8_can_be_written(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    git(root, "tag", "v1.2.0")
    latin = b"tree %b\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nGr\xf6\xdfer\n"
    tree = git(root, "rev-parse", "HEAD^{tree}").encode()
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=root,
        input=latin % tree,
        capture_output=True,
        check=True,
    )
    git(root, "reset", "--quiet", "--soft", made.stdout.decode().strip())
    assert prepare.commits(root).encode() == "- Gr\ufffd\ufffder".encode()


def test_of_a_package_that_was_never_released_every_commit_counts(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    assert entry(root, "") == "## [1.3.0] - 2026-02-01\n\n- Change\n"


def test_where_nothing_changed_there_is_nothing_to_release(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    git(root, "tag", "v1.2.0")
    with pytest.raises(UserError, match="changelog-nothing"):
        entry(root, "# Log\n")


# --- with real backends --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["hatchling", "setuptools"])
def test_the_backend_says_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    root = make_package(tmp_path, backend=backend)
    write(root, {"CHANGELOG.md": NEW})
    commit(root)
    monkeypatch.chdir(root)
    prepare.main(["1.3.0"])
    assert backend_version(root) == Version("1.3.0")
    assert git(root, "diff", "--name-only").split() == ["CHANGELOG.md", INIT]
    assert read_project(root).name == "demo-pkg"
