from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.distributions.manifest import NAME, file_sha256
from ci.errors import UserError
from ci.release.witnesses import check_witnesses
from ci.tests.told import code_of

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "0" * 64


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / NAME).write_text("a manifest\n")
    return tmp_path


def said(dist: Path, check: str | None, build: str | None) -> dict[str, str]:
    """The variables that say so; {right} is the sha256 of the manifest."""
    values = {"CHECK_DIST_SHA256": check, "BUILD_DIST_SHA256": build}
    right = file_sha256(dist / NAME)
    return {name: text.format(right=right) for name, text in values.items() if text is not None}


@pytest.mark.parametrize("both", ["{right}", None])
def test_two_builds_that_agree_with_the_manifest_pass_and_so_does_a_laptop(
    dist: Path, both: str | None
) -> None:
    check_witnesses(dist, {"PATH": "", **said(dist, both, both)})


@pytest.mark.parametrize(
    ("check", "build", "code"),
    [
        ("{right}", OTHER, "witnesses-differ"),
        (OTHER, "{right}", "witnesses-differ"),
        (OTHER, OTHER, "witnesses-disown"),
        ("{right}", None, "witness-missing"),
        (None, "{right}", "witness-missing"),
        (OTHER, None, "witness-missing"),
        ("", None, "witness-missing"),
        ("", "", "witness-form"),
        ("{right}", "", "witness-form"),
        ("", "{right}", "witness-form"),
        ("{right} ", "{right} ", "witness-form"),
        ("{right}\n", "{right}\n", "witness-form"),
        ("sha256:{right}", "sha256:{right}", "witness-form"),
        (OTHER[1:], OTHER[1:], "witness-form"),
        ("F" * 64, "F" * 64, "witness-form"),
    ],
)
def test_anything_else_is_refused(
    dist: Path, check: str | None, build: str | None, code: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_witnesses(dist, said(dist, check, build))
    assert code_of(caught.value) == code


def test_the_variable_that_is_missing_is_named(dist: Path) -> None:
    with pytest.raises(UserError, match="CHECK_DIST_SHA256 is set, but BUILD_DIST_SHA256 is not"):
        check_witnesses(dist, {"CHECK_DIST_SHA256": OTHER})


def test_a_malformed_value_is_shown_in_part(dist: Path) -> None:
    with pytest.raises(UserError, match="BUILD_DIST_SHA256") as caught:
        check_witnesses(dist, said(dist, OTHER, "x" * 10_000))
    assert f"{'x' * 100!r}" in caught.value.found
    assert len(caught.value.found) < 300


def test_both_sides_of_a_difference_are_shown(dist: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_witnesses(dist, said(dist, OTHER, "1" * 64))
    assert f"Check made the SHA256SUMS {OTHER}, but Build made {'1' * 64}" in caught.value.found
    with pytest.raises(UserError) as caught:
        check_witnesses(dist, said(dist, OTHER, OTHER))
    assert f"has sha256 {file_sha256(dist / NAME)}, but both builds made {OTHER}" in str(
        caught.value
    )
    (dist / NAME).unlink()
    with pytest.raises(UserError, match=f"there is no .*{NAME}, but both builds made {OTHER}"):
        check_witnesses(dist, {"CHECK_DIST_SHA256": OTHER, "BUILD_DIST_SHA256": OTHER})
