"""The changelog's entry for a release, in the forms that people write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from ci.checkout.changelog import check_changelog, entries, headings, new_heading
from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

TODAY = datetime.now(UTC).date()

MARKDOWN = [
    "## [1.2.0] - 2026-01-31",
    "## 1.2.0 - 2026-01-31",
    "## v1.2.0 \u2014 2026-01-31",
    "## [v1.2.0](https://example.invalid/1.2.0) - 2026-01-31 [YANKED]",
    "## 1.2 (2026-01-31)",
    "# 1.2.0, 2026-01-31 #",
    "### Version 1.2.0 / 2026-01-31",
    "1.2.0 - 2026-01-31\n==================",
    f"## [1.2.0] - {TODAY + timedelta(days=1)}",
]
RESTRUCTURED = [
    "1.2.0 (2026-01-31)\n==================",
    "==================\n1.2.0 (2026-01-31)\n==================",
    "Version 1.2.0 (2026-01-31)\n--------------------------",
    "demo-pkg 1.2.0 (2026-01-31)\n~~~~~~~~~~~~~~~~~~~~~~~~~~~",
    "v1.2.0 - 2026-01-31\n^^^^^^^^^^^^^^^^^^^",
]


def refuse(path: Path, version: str = "1.2.0") -> UserError:
    with pytest.raises(UserError) as caught:
        check_changelog(path, Version(version))
    return caught.value


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        *(("CHANGELOG.md", heading) for heading in MARKDOWN),
        *(("CHANGELOG.rst", heading) for heading in RESTRUCTURED),
        ("NEWS", RESTRUCTURED[0]),
        ("HISTORY.txt", RESTRUCTURED[0]),
    ],
)
def test_a_dated_entry_passes_and_is_no_entry_of_another_version(
    tmp_path: Path, name: str, heading: str
) -> None:
    title = "# Changelog" if name.endswith(".md") else "Changelog\n========="
    path = write(tmp_path, name, f"{title}\n\n{heading}\n\n- Demo.\n")
    check_changelog(path, Version("1.2.0"))
    assert refuse(path, "1.2.1").code == "changelog-entry"


@pytest.mark.parametrize(
    "heading",
    [
        "## [1.2.0]",
        "## [1.2.0] - soon",
        "## [1.2.0] - 2026-02-30",
        "## [1.2.0] - 20260131",
        "## [1.2.0] - 31.01.2026",
        f"## [1.2.0] - {TODAY + timedelta(days=2)}",
        "1.2.0\n=====",
        "1.2.0 (unreleased)\n==================",
    ],
)
def test_an_entry_without_a_past_date_is_refused(tmp_path: Path, heading: str) -> None:
    problem = refuse(write(tmp_path, "CHANGELOG.md", f"{heading}\n\n2026-01-31\n"))
    assert problem.code == "changelog-date"
    assert repr(heading.partition("\n")[0].removeprefix("## ")) in problem.found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Changelog\n\n## [Unreleased]\n\n- 1.2.0 - 2026-01-31\n",
        "1.2.0 (2026-01-31)\n\n==================\n",
        "##1.2.0 - 2026-01-31\n",
        "## Since 2026-01-31: 1.2.0\n",
        "==================\n==================\n",
    ],
)
def test_what_is_no_heading_of_that_version_is_no_entry(tmp_path: Path, text: str) -> None:
    assert refuse(write(tmp_path, "CHANGELOG.md", text)).code == "changelog-entry"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("CHANGELOG.md", f"## [1.2.0] - {TODAY}"), ("CHANGELOG.rst", f"1.2.0 ({TODAY})")],
)
def test_the_remedy_is_in_the_form_of_the_file(tmp_path: Path, name: str, remedy: str) -> None:
    assert refuse(write(tmp_path, name, "")).remedy.startswith(f"add the heading {remedy!r}, or")


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    assert refuse(tmp_path / "CHANGELOG.md").code == "changelog-unreadable"
    (tmp_path / "CHANGES").write_bytes(b"\xff")
    assert refuse(tmp_path / "CHANGES").code == "changelog-unreadable"


def test_headings_are_found_in_both_forms() -> None:
    text = "# One #\ntext\nTwo\n===\n\n=====\nThree\n=====\nnone\n--\n####\n"
    assert [heading.heading for heading in headings(text)] == ["One", "Two", "Three"]


KEPT = """\
# Changelog

## [Unreleased]

### Added

- New.

## [v1.2.0](https://example.invalid/1.2.0) - 2026-01-31 [YANKED]

- Demo.

## 1.1
"""
UNDERLINED = """\
=========
Changelog
=========

Unreleased
----------

Added
~~~~~

- New.

1.2.0 (2026-01-31)
------------------

3.8
~~~

- Demo.

demo 1.1
--------
"""


@pytest.mark.parametrize("text", [KEPT, UNDERLINED])
def test_entries_are_found_with_what_is_below_them(text: str) -> None:
    unreleased, last, first = entries(text)
    assert (unreleased.is_unreleased, unreleased.version) == (True, None)
    assert text[unreleased.body : unreleased.end].strip().startswith(("### Added", "Added\n~~~~~"))
    assert text[unreleased.body : unreleased.end].strip().endswith("- New.")
    assert (last.is_unreleased, last.version, last.date) == (False, "1.2.0", "2026-01-31")
    assert text[last.body : last.end].strip().endswith("- Demo.")
    assert (first.version, first.date, first.end) == ("1.1", None, len(text))
    assert text[: unreleased.start] + text[unreleased.start :] == text


def test_an_overline_belongs_to_its_entry() -> None:
    text = "=====\nTitle\n=====\n\n=====\n1.2.0\n=====\n- Demo.\n"
    (entry,) = entries(text)
    assert text[entry.start : entry.body] == "=====\n1.2.0\n=====\n"


@pytest.mark.parametrize(
    ("name", "text", "heading"),
    [
        ("CHANGES.md", "", ["## [1.3.0] - 2026-02-01"]),
        ("CHANGES.rst", "", ["1.3.0 (2026-02-01)", "------------------"]),
        ("CHANGES.md", "### 1.2 (2026-01-31)\n", ["### 1.3.0 (2026-02-01)"]),
        ("CHANGES.md", "## Unreleased\n## v1.2\n", ["## [1.3.0] - 2026-02-01"]),
        (
            "CHANGES.md",
            "## [v1.2](https://example.invalid/1.2) - 2026-01-31 [YANKED]\n",
            ["## [v1.3.0](https://example.invalid/1.3.0) - 2026-02-01"],
        ),
        (
            "NEWS",
            "demo 1.2, 2026-01-31\n====================\n",
            ["demo 1.3.0, 2026-02-01", "======================"],
        ),
    ],
)
def test_a_new_heading_is_like_those_that_are_there(
    tmp_path: Path, name: str, text: str, heading: list[str]
) -> None:
    found = list(entries(text))
    day = datetime(2026, 2, 1, tzinfo=UTC).date()
    assert new_heading(tmp_path / name, found, Version("1.3.0"), day) == heading
