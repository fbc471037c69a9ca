from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ci.checkout import commit as checkout
from ci.checkout.git import changed_files, unwatched_files
from ci.distributions.manifest import write_manifest
from ci.errors import UserError
from ci.release import check_tag
from ci.tests.samples import METADATA, STEM, commit, git, make_dist, make_package, make_wheel, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

_INIT = "src/demo_pkg/__init__.py"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RELEASE_TAG", "RELEASE_BRANCH", "SOURCE_COMMIT", "DIST_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = make_package(tmp_path / "package")
    make_dist(root)
    monkeypatch.chdir(root)
    return root


def run(module: ModuleType = check_tag) -> None:
    module.main()


def refuse(module: ModuleType = check_tag) -> UserError:
    with pytest.raises(UserError) as caught:
        run(module)
    return caught.value


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_that_is_the_version_passes_annotated_or_not(
    package: Path,
    capsys: pytest.CaptureFixture[str],
    annotated: bool,  # noqa: FBT001 - pytest hands parameters over by keyword
) -> None:
    git(package, "tag", *(["--annotate", "--message=Demo"] if annotated else []), "v1.2.0")
    run()
    assert "tag v1.2.0 is demo-pkg 1.2.0, ready for release" in capsys.readouterr().out


def test_release_tag_names_the_tag(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(package, "tag", "v1.2.0")
    git(package, "tag", "v9.9.9")
    run()
    monkeypatch.setenv("RELEASE_TAG", "v9.9.9")
    problem = refuse()
    assert problem.code == "tag-version"
    assert problem.found == "the tag v9.9.9 does not match the version 1.2.0 of the built wheel"


def test_versions_are_compared_not_spellings(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dist(package, version="1.0.0rc1")
    write(package, {"CHANGELOG.md": "## [1.0.0-rc.1] - 2026-01-31\n"})
    commit(package)
    git(package, "tag", "v1.0.0-rc.1")
    run()
    assert "1.0.0rc1, ready for release" in capsys.readouterr().out


def test_without_any_tag_it_says_how_to_make_one(package: Path) -> None:
    assert package.is_dir()
    problem = refuse()
    assert problem.code == "no-tag"
    assert "nox -s ready" in problem.remedy


def test_of_several_tags_the_one_that_matches_is_taken_and_the_others_named(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for tag in ("nightly", "v1.2", "v1.2.0", "v1.1.0", "vnext\u202e"):
        git(package, "tag", tag)
    run()
    assert r"ignored: nightly, v1.1.0, v1.2, vnext\u202e" in capsys.readouterr().out


def test_of_several_tags_one_has_to_match(package: Path) -> None:
    git(package, "tag", "nightly")
    git(package, "tag", "v1.1.0")
    problem = refuse()
    assert problem.code == "no-tag-matches"
    assert "(nightly, v1.1.0)" in problem.found


@pytest.mark.parametrize("tag", ["1.2.0", "release-1.2.0", "v1.2.x", "v", "vv1.2.0"])
def test_a_tag_of_another_form_is_refused(package: Path, tag: str) -> None:
    git(package, "tag", tag)
    problem = refuse()
    assert problem.code == "tag-form"
    assert repr(tag) in problem.found


def test_a_tag_that_does_not_exist_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A branch of that name must not pass for the tag.
    git(package, "branch", "v1.2.0")
    monkeypatch.setenv("RELEASE_TAG", "v1.2.0")
    assert refuse().code == "tag-unknown"


def test_a_moved_tag_is_refused(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(package, "tag", "v1.2.0")
    head = commit(package)
    monkeypatch.setenv("RELEASE_TAG", "v1.2.0")
    problem = refuse()
    assert problem.code == "tag-elsewhere"
    assert f"HEAD is {head}" in problem.found


@pytest.mark.parametrize(("text", "kind"), [("1.2.0+cu12", "local"), ("1.2.0.dev1", "development")])
def test_a_version_that_is_not_public_is_refused(package: Path, text: str, kind: str) -> None:
    make_dist(package, version=text)
    git(package, "tag", f"v{text}")
    problem = refuse()
    assert problem.code == "version-not-public"
    assert kind in problem.found


@pytest.mark.parametrize("built", ["1.1.0", "1.2.0.post1", "1.2.0rc1", "0.0.0", "1.2.0+local"])
def test_a_tag_that_is_not_the_wheels_version_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch, built: str
) -> None:
    make_dist(package, version=built)
    git(package, "tag", "v1.2.0")
    monkeypatch.setenv("RELEASE_TAG", "v1.2.0")
    problem = refuse()
    assert problem.code == "tag-version"
    assert f"version {built} of the built wheel" in problem.found


def test_a_wheel_whose_package_states_another_version_is_refused(package: Path) -> None:
    make_dist(package, code='__version__ = "1.1.0"\n')
    git(package, "tag", "v1.2.0")
    problem = refuse()
    assert problem.code == "wheel-version"
    assert problem.found.startswith("__version__ in demo_pkg/__init__.py of demo_pkg-1.2.0-py3")


def test_a_wheel_whose_package_states_no_version_passes(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dist(package, code="from ._version import __version__\n")
    git(package, "tag", "v1.2.0")
    run()
    assert "v1.2.0" in capsys.readouterr().out


def test_a_wheel_whose_metadata_has_another_version_than_its_name_is_refused(
    package: Path,
) -> None:
    make_wheel(
        package / "dist", {f"{STEM}.dist-info/METADATA": METADATA.replace(b"1.2.0", b"1.2.1")}
    )
    write_manifest(package / "dist")
    git(package, "tag", "v1.2.0")
    problem = refuse()
    assert problem.code == "wheel-version"
    assert "the metadata of" in problem.found


def test_a_wheel_of_another_package_is_refused(package: Path) -> None:
    for path in (package / "dist").glob("demo_pkg-*"):
        path.rename(path.with_name(path.name.replace("demo_pkg", "other")))
    write_manifest(package / "dist")
    git(package, "tag", "v1.2.0")
    assert refuse().code == "wheel-name"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (shutil.rmtree, "manifest-missing"),
        (lambda dist: next(dist.glob("*.whl")).write_bytes(b"swapped"), "manifest-differs"),
        (lambda dist: next(dist.glob("*.whl")).unlink(), "manifest-differs"),
    ],
)
def test_without_what_was_built_no_tag_passes(
    package: Path, spoil: Callable[[Path], None], code: str
) -> None:
    git(package, "tag", "v1.2.0")
    spoil(package / "dist")
    assert refuse().code == code


def test_a_tag_on_an_unmerged_branch_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(package, "switch", "--quiet", "--create", "feature")
    commit(package)
    git(package, "tag", "v1.2.0")
    problem = refuse()
    assert problem.code == "not-on-release-branch"
    assert "main" in problem.found
    monkeypatch.setenv("RELEASE_BRANCH", "feature")
    run()


def test_the_release_branch_may_stand_in_pyproject(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_package(tmp_path / "other", more='[tool.ci]\nrelease-branch = "stable"\n')
    make_dist(root)
    assert root != package
    monkeypatch.chdir(root)
    git(root, "tag", "v1.2.0")
    assert refuse().code == "release-branch-unseen"
    git(root, "branch", "stable")
    run()


def test_the_branch_of_a_remote_counts_and_one_that_is_not_there_is_named(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(package, "tag", "v1.2.0")
    git(tmp_path, "clone", "--quiet", str(package), "clone")
    clone = tmp_path / "clone"
    git(clone, "switch", "--quiet", "--detach", "v1.2.0")
    git(clone, "branch", "--delete", "--force", "main")
    make_dist(clone)
    monkeypatch.chdir(clone)
    run()
    git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    problem = refuse()
    assert problem.code == "release-branch-unseen"
    assert "git fetch origin main:" in problem.remedy


def test_a_branch_that_is_not_pushed_is_not_the_release_branch(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "clone", "--quiet", str(package), "clone")
    clone = tmp_path / "clone"
    commit(clone)
    git(clone, "tag", "v1.2.0")
    make_dist(clone)
    monkeypatch.chdir(clone)
    problem = refuse()
    assert problem.code == "not-on-release-branch"
    assert "(refs/remotes/origin/main)" in problem.found
    assert "push it" in problem.remedy
    git(clone, "update-ref", "refs/remotes/origin/main", "HEAD")
    run()


@pytest.mark.parametrize(
    "ref",
    [
        "refs/tags/origin/main",
        "refs/heads/origin/main",
        "refs/remotes/other/main",
        "refs/remotes/origin/main/evil",
        "refs/remotes/origin/maintenance",
    ],
)
def test_only_origins_branch_counts_as_the_release_branch(
    tmp_path: Path, package: Path, ref: str
) -> None:
    git(package, "remote", "add", "origin", str(tmp_path / "origin"))
    git(package, "tag", "v1.2.0")
    git(package, "update-ref", ref, "HEAD")
    assert refuse().code == "release-branch-unseen"
    git(package, "update-ref", "-d", ref)
    git(package, "update-ref", "refs/remotes/origin/main", "HEAD")
    run()


def test_without_an_origin_a_branch_of_another_remote_does_not_count(package: Path) -> None:
    git(package, "switch", "--quiet", "--create", "feature")
    commit(package)
    git(package, "tag", "v1.2.0")
    git(package, "update-ref", "refs/remotes/other/main", "HEAD")
    assert refuse().code == "not-on-release-branch"


@pytest.mark.parametrize(
    "name",
    [
        *("src/demo_pkg/__pycache__/a.cpython-312.pyc", "ci/errors.pyc", "ci/errors.PYC"),
        *("demo.dist-info/METADATA", "src/demo.egg-info/entry_points.txt"),
    ],
)
@pytest.mark.parametrize("module", [checkout, check_tag])
def test_files_in_git_that_hide_code_are_refused(
    package: Path, module: ModuleType, name: str
) -> None:
    write(package, {name: ""})
    commit(package)
    git(package, "tag", "v1.2.0")
    problem = refuse(module)
    assert problem.code == "hidden-code"
    assert name in problem.found


@pytest.mark.parametrize("name", ["tests/data/demo.dist-info/METADATA", "tests/a.pyc.txt", "b.pyi"])
def test_files_that_hide_nothing_pass(package: Path, name: str) -> None:
    write(package, {name: ""})
    commit(package)
    run(checkout)


def test_a_shallow_clone_that_cannot_tell_says_so(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(package, "tag", "v1.2.0")
    commit(package)
    git(
        tmp_path,
        *("-c", "advice.detachedHead=false", "clone", "--quiet", "--depth=1"),
        *("--branch=v1.2.0", package.as_uri(), "clone"),
    )
    make_dist(tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    assert refuse().code == "shallow-clone"


@pytest.mark.parametrize("name", ["notes.txt", _INIT])
def test_a_dirty_tree_is_refused(package: Path, name: str) -> None:
    git(package, "tag", "v1.2.0")
    write(package, {name: '__version__ = "1.2.0"\n'})
    problem = refuse()
    assert problem.code == "tree-dirty"
    assert problem.found.endswith(name)


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_not_to_see_is_refused(package: Path, flag: str) -> None:
    git(package, "tag", "v1.2.0")
    git(package, "update-index", flag, "pyproject.toml")
    text = (package / "pyproject.toml").read_text(encoding="utf-8")
    write(package, {"pyproject.toml": f"{text}\n# not-in-git = ['*']\n"})
    problem = refuse()
    assert problem.code == "tree-unwatched"
    assert problem.found.endswith("pyproject.toml")


def test_what_a_sparse_checkout_leaves_out_is_no_change(package: Path) -> None:
    git(package, "update-index", "--skip-worktree", "CHANGELOG.md")
    (package / "CHANGELOG.md").unlink()
    assert changed_files(package) == unwatched_files(package) == []


def test_a_very_dirty_tree_is_not_listed_in_full(package: Path) -> None:
    git(package, "tag", "v1.2.0")
    write(package, {f"{number}.txt": "" for number in range(12)})
    assert refuse().found.endswith("and 2 more")


def test_a_missing_changelog_entry_is_refused(package: Path) -> None:
    write(package, {"CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- 1.2.0 - 2026-01-31\n"})
    commit(package)
    git(package, "tag", "v1.2.0")
    problem = refuse()
    assert problem.code == "changelog-entry"
    assert "## [1.2.0] - " in problem.remedy


def test_a_missing_changelog_is_refused_unless_it_is_switched_off(package: Path) -> None:
    (package / "CHANGELOG.md").unlink()
    commit(package)
    git(package, "tag", "v1.2.0")
    assert refuse().code == "changelog-unreadable"

    pyproject = package / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(f"{text}[tool.ci]\nchangelog = false\n", encoding="utf-8")
    commit(package)
    git(package, "tag", "--force", "v1.2.0")
    run()


@pytest.mark.parametrize("name", ["HEAD", "v1.2.0", "HEAD~0"])
def test_the_commit_that_an_event_named_passes_also_by_its_tag_object(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    git(package, "tag", "--annotate", "--message=Demo", "v1.2.0")
    monkeypatch.setenv("SOURCE_COMMIT", git(package, "rev-parse", name))
    run(checkout)
    assert "as SOURCE_COMMIT says" in capsys.readouterr().out


def test_without_an_event_any_commit_passes(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(checkout)
    assert git(package, "rev-parse", "HEAD") in capsys.readouterr().out


@pytest.mark.parametrize("module", [checkout, check_tag])
def test_another_commit_than_the_events_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    monkeypatch.setenv("SOURCE_COMMIT", git(package, "rev-parse", "HEAD"))
    commit(package)
    git(package, "tag", "v1.2.0")
    assert refuse(module).code == "source-commit-differs"
    monkeypatch.setenv("SOURCE_COMMIT", "0" * 40)
    assert refuse(module).code == "source-commit-unknown"


@pytest.mark.parametrize("name", ["HEAD", "main", "v1.2.0", "--help", "0123456", " ", "0" * 41])
def test_a_name_that_agrees_with_any_checkout_is_no_commit(
    package: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    git(package, "tag", "v1.2.0")
    monkeypatch.setenv("SOURCE_COMMIT", name)
    assert refuse(checkout).code == "source-commit-form"


@pytest.mark.parametrize("branch", ["*", "mai?", "release"])
def test_the_release_branch_is_a_name_and_no_pattern(
    package: Path, monkeypatch: pytest.MonkeyPatch, branch: str
) -> None:
    git(package, "tag", "v1.2.0")
    git(package, "branch", "release/evil")
    monkeypatch.setenv("RELEASE_BRANCH", branch)
    assert refuse().code == "release-branch-unseen"
