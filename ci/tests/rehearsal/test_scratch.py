"""The scratch folder, and what stays of it."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.rehearsal.scratch import remove, scratch

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


def test_a_folder_is_removed_with_all_that_it_holds(tmp_path: Path) -> None:
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "folder/link").symlink_to(tmp_path / "other")
    remove(tmp_path / "folder")
    remove(tmp_path / "not there")
    assert not (tmp_path / "folder").exists()
    assert (tmp_path / "other").exists()
