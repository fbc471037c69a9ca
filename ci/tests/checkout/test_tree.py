"""The files that git has, by their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.checkout.tree import blob_id, committed_tree, working_tree
from ci.tests.samples import commit, git, make_package, write

if TYPE_CHECKING:
    from pathlib import Path

INIT = "src/demo_pkg/__init__.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_package(tmp_path)


def test_what_head_has_is_known_by_its_bytes(root: Path) -> None:
    tree = committed_tree(root)
    assert tree.ids[INIT] == git(root, "rev-parse", f"HEAD:{INIT}")
    assert tree.holds(INIT, (root / INIT).read_bytes())
    assert not tree.holds(INIT, (root / INIT).read_bytes() + b"\n")
    assert not tree.holds("src/demo_pkg/other.py", (root / INIT).read_bytes())
    assert tree.changed == ()


def test_ids_are_those_of_git_in_both_lengths() -> None:
    assert blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert blob_id(b"", 64) == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"


def test_uncommitted_changes_count_in_the_working_tree_alone(root: Path) -> None:
    before = (root / INIT).read_bytes()
    write(root, {INIT: "changed\n", "staged.txt": "staged\n", "new.txt": "not added\n"})
    (root / "README.md").unlink()
    git(root, "add", "staged.txt")
    tree = working_tree(root)
    assert set(tree.changed) == {INIT, "staged.txt", "README.md"}
    assert tree.holds(INIT, b"changed\n")
    assert tree.holds("staged.txt", b"staged\n")
    assert tree.holds("tests/test_demo.py", (root / "tests/test_demo.py").read_bytes())
    assert not tree.ids.keys() & {"new.txt", "README.md"}
    head = committed_tree(root)
    assert head.holds(INIT, before)
    assert head.holds("README.md", b"Demo.\n")
    assert "staged.txt" not in head.ids


def test_a_file_that_was_moved_is_gone_from_its_old_place(root: Path) -> None:
    git(root, "mv", "README.md", "OTHER.md")
    tree = working_tree(root)
    assert tree.changed == ("OTHER.md", "README.md")
    assert "README.md" not in tree.ids


def test_a_submodule_of_another_commit_is_a_change_whatever_the_user_ignores(root: Path) -> None:
    allow = ("-c", "protocol.file.allow=always")
    git(root, *allow, "submodule", "--quiet", "add", str(root), "inner")
    commit(root)
    git(root, "config", "diff.ignoreSubmodules", "all")
    commit(root / "inner")
    assert working_tree(root).changed == ("inner",)


def test_ids_of_changed_files_are_as_long_as_the_others(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    write(tmp_path, {"a": "one\n"})
    commit(tmp_path)
    write(tmp_path, {"a": "two\n"})
    assert working_tree(tmp_path).ids["a"] == blob_id(b"two\n", 64)


def test_a_clean_tree_is_head(root: Path) -> None:
    assert working_tree(root) == committed_tree(root)


def test_below_the_top_paths_are_relative(root: Path) -> None:
    write(root, {"src/demo_pkg/__init__.py": "changed\n", "README.md": "changed\n"})
    below = root / "src"
    assert set(committed_tree(below).ids) == {"demo_pkg/__init__.py", "demo_pkg/py.typed"}
    tree = working_tree(below)
    assert tree.changed == ("demo_pkg/__init__.py",)
    assert tree.holds("demo_pkg/__init__.py", b"changed\n")


def test_a_link_holds_no_bytes(root: Path) -> None:
    (root / "link").symlink_to("README.md")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    commit(root)
    tree = committed_tree(root)
    assert tree.ids["link"] is None
    assert not tree.holds("link", b"README.md")
    assert tree.holds("run", b"#!/bin/sh\n")
    (root / "README.md").unlink()
    (root / "README.md").symlink_to("run")
    assert "README.md" not in working_tree(root).ids


def test_a_stand_in_for_the_commit_is_not_followed(root: Path) -> None:
    good = git(root, "rev-parse", "HEAD")
    write(root, {INIT: "evil\n"})
    git(root, "replace", good, commit(root))
    git(root, "checkout", "--quiet", "--detach", good)
    assert committed_tree(root).holds(INIT, b'"""Demo."""\n\n__version__ = "1.2.0"\n')
