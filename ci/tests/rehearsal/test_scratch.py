"""The scratch folder, and what stays of it."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.rehearsal.scratch import scratch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def fill(folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "logs/one.log").touch()
    (folder / "container/deep").mkdir(parents=True)
    (folder / "link").symlink_to(folder / "container")


def play(error: BaseException | None, *, keep: bool = False) -> None:
    """Fill a scratch folder and leave it; what is said about it is printed."""
    with scratch(print, keep=keep) as space:
        fill(space.folder)
        if error:
            raise error


def test_nothing_stays(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play(None)
    assert list(place.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_an_interrupt_leaves_nothing(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        play(KeyboardInterrupt())
    assert list(place.iterdir()) == []


def test_a_failure_leaves_its_logs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError):
        play(UserError("x", "y", "z"))
    assert [str(path.relative_to(place)).partition("/")[2] for path in place.rglob("*.log")] == [
        "logs/one.log"
    ]
    (folder,) = place.iterdir()
    assert [path.name for path in folder.iterdir()] == ["logs"]
    assert capsys.readouterr().out == f"kept: {folder}/logs\n"


def test_all_stays_if_asked_for(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play(None, keep=True)
    (folder,) = place.iterdir()
    assert capsys.readouterr().out == f"kept: {folder}\n"
    assert (folder / "container/deep").exists()


def test_a_discarded_folder_is_gone_before_the_end() -> None:
    with scratch(print, keep=False) as space:
        fill(space.folder)
        space.discard(space.folder / "container")
        while (space.folder / "container").exists():
            time.sleep(0.01)
        assert (space.folder / "logs").exists()


def test_a_folder_that_is_kept_keeps_what_is_discarded(place: Path) -> None:
    with scratch(print, keep=True) as space:
        fill(space.folder)
        space.discard(space.folder / "container")
    (folder,) = place.iterdir()
    assert (folder / "container/deep").exists()


def test_what_takes_long_to_remove_is_removed_in_the_background(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci.rehearsal.scratch._WAIT_SECONDS", -1.0)
    monkeypatch.setattr("ci.rehearsal.scratch._remove", lambda *_: None)
    play(None)
    (folder,) = place.iterdir()
    assert capsys.readouterr().out == f"{folder} is being removed in the background\n"


def test_a_link_is_removed_and_not_what_it_leads_to(place: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with scratch(print, keep=False) as space:
        (space.folder / "link").symlink_to(tmp_path / "other")
    assert (tmp_path / "other").exists()
    assert list(place.iterdir()) == []
