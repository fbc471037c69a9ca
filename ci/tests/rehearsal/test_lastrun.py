"""How long plays took the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.rehearsal.lastrun import Times, read_times, write_times

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches"


def test_each_play_of_each_repository_has_its_own_times(tmp_path: Path) -> None:
    times = Times(9.5, {"Build": 4.0, "Build lint": 1.0})
    write_times(tmp_path / "one", "release", times)
    assert read_times(tmp_path / "one", "release") == times
    assert read_times(tmp_path / "one", "pr") is None
    assert read_times(tmp_path / "two", "release") is None


@pytest.mark.parametrize("text", ["", "[1]", '{"else": 1}'])
def test_what_can_not_be_read_is_as_if_it_were_not_there(
    caches: Path, tmp_path: Path, text: str
) -> None:
    write_times(tmp_path, "pr", Times(1.0))
    (file,) = caches.rglob("*.json")
    file.write_text(text)
    assert read_times(tmp_path, "pr") is None


def test_a_cache_that_can_not_be_written_to_is_left_alone(caches: Path, tmp_path: Path) -> None:
    caches.write_text("a file")
    write_times(tmp_path, "pr", Times(1.0))
    assert caches.read_text() == "a file"
