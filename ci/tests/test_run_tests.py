"""A file in site-packages is named as git has it, where that is the same file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.run_tests import name_in_checkout
from ci.tests.samples import write

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = ".nox/tests-3-12/lib/python3.12/site-packages/demo/a.py"


@pytest.mark.parametrize(
    ("checkout", "name"),
    [
        ({"src/demo/a.py": "x"}, "src/demo/a.py"),
        ({"demo/a.py": "x"}, "demo/a.py"),
        ({"src/demo/a.py": "x", "demo/a.py": "x"}, "src/demo/a.py"),
        ({"src/demo/a.py": "y"}, INSTALLED),
        ({"src/demo/b.py": "x"}, INSTALLED),
        ({}, INSTALLED),
    ],
)
def test_the_same_file_in_the_checkout_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: dict[str, str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {INSTALLED: "x", **checkout})
    assert name_in_checkout(INSTALLED) == name
    assert name_in_checkout(str(tmp_path / INSTALLED)) in {name, str(tmp_path / INSTALLED)}


def test_other_files_keep_their_names() -> None:
    assert name_in_checkout("tests/test_a.py") == "tests/test_a.py"
