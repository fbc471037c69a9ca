"""A green night is remembered; a red one says what changed outside since then."""

from __future__ import annotations

import sys
from errno import ENOSPC
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ci.dependencies import nightly
from ci.dependencies.nightly import changes, finish, interpreters, main
from ci.errors import UserError
from ci.tests.checkouts import make_checkout

GREEN = (sys.executable, "-c", "pass")
RED = (sys.executable, "-c", "raise SystemExit(1)")


def pins(*texts: str) -> list[Requirement]:
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        (["attrs==22.1.0"], ["attrs==22.1.0"], []),
        (["attrs==22.1.0"], ["attrs==22.2.0"], ["attrs 22.1.0 -> 22.2.0"]),
        (["attrs==22.1.0"], [], ["attrs 22.1.0 -> absent"]),
        ([], ["attrs==22.1.0"], ["attrs absent -> 22.1.0"]),
        (
            ["attrs==22.1.0", "python3.8==3.8.18"],
            [
                "attrs==22.1.0; os_name == 'nt'",
                "attrs==23.1.0; os_name != 'nt'",
                "python3.8==3.8.20",
            ],
            [
                'attrs 22.1.0 -> 22.1.0 (os_name == "nt") and 23.1.0 (os_name != "nt")',
                "python3.8 3.8.18 -> 3.8.20",
            ],
        ),
    ],
)
def test_what_changed_is_named_with_both_versions(
    before: list[str], now: list[str], lines: list[str]
) -> None:
    assert changes(pins(*before), pins(*now)) == lines


def test_the_interpreters_are_part_of_what_can_change() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert [pin.name for pin in interpreters([version, "3.99"])] == [f"python{version}"]


def red(folder: Path, *today: str) -> str:
    with pytest.raises(UserError) as raised:
        finish(folder, pins(*today), green=False)
    assert raised.value.code == "nightly"
    return raised.value.found


def test_a_red_night_is_compared_with_the_last_green_one_not_with_another_red_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "nightly"
    finish(folder, pins("attrs==1"), green=True)
    assert "attrs 1 -> 2" in red(folder, "attrs==2")
    assert "attrs 1 -> 3" in red(folder, "attrs==3")
    assert (folder / "changed.txt").read_text(encoding="utf-8") == "attrs 1 -> 3\n"


def test_a_green_night_forgets_what_a_red_one_left(tmp_path: Path) -> None:
    folder = tmp_path / "nightly"
    red(folder, "attrs==2")
    finish(folder, pins("attrs==2"), green=True)
    assert [path.name for path in folder.iterdir()] == ["resolved.txt"]


def test_the_first_night_may_be_red(tmp_path: Path) -> None:
    assert "unknown: there is no" in red(tmp_path / "nightly", "attrs==1")


@pytest.mark.parametrize("content", [b"attrs==1\npython", b"attrs==1\npython3.8==", b"attrs\xff"])
def test_what_is_no_list_of_pins_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "resolved.txt").write_bytes(content)
    assert "unknown: there is no" in red(tmp_path, "attrs==2")
    finish(tmp_path, pins("attrs==2"), green=True)
    assert "no dependency and no Python" in red(tmp_path, "attrs==2")


def test_a_list_that_can_not_be_written_to_its_end_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(path: Path, text: str, **_: str) -> None:
        path.write_bytes(text[:3].encode())
        raise OSError(ENOSPC, "No space left on device")

    finish(tmp_path, pins("attrs==1"), green=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", cut_off)
        with pytest.raises(OSError, match="No space"):
            finish(tmp_path, pins("attrs==2"), green=True)
    assert "attrs 1 -> 3" in red(tmp_path, "attrs==3")


def test_a_red_night_without_a_change_says_so(tmp_path: Path) -> None:
    finish(tmp_path, pins("attrs==1"), green=True)
    assert "no dependency and no Python" in red(tmp_path, "attrs==1")


def test_a_night_runs_the_command_and_resolves_what_the_wheel_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_checkout(tmp_path / "checkout", requires=("iniconfig==2.0.0",))
    monkeypatch.chdir(made.root)
    main(["dist", "nightly", "--", *GREEN])
    resolved = Path("nightly/resolved.txt").read_text(encoding="utf-8").splitlines()
    assert resolved[0] == "iniconfig==2.0.0"
    with pytest.raises(UserError, match="no dependency and no Python"):
        main(["dist", "nightly", "--", *RED])


def test_a_night_whose_wheel_could_not_be_made_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_checkout(tmp_path / "checkout")
    made.wheel.unlink()
    monkeypatch.chdir(made.root)
    with pytest.raises(UserError, match="a session failed, and dist holds 0 wheels") as raised:
        main(["dist", "nightly", "--", *RED])
    assert raised.value.code == "nightly"


def test_a_night_whose_dependencies_could_not_be_resolved_blames_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UserError("dependencies-unresolvable", "uv can't resolve them: 503", "wait")

    made = make_checkout(tmp_path / "checkout")
    monkeypatch.chdir(made.root)
    monkeypatch.setattr(nightly, "resolve", fail)
    with pytest.raises(UserError) as raised:
        main(["dist", "nightly", "--", *GREEN])
    assert raised.value.code == "nightly"
    assert raised.value.found == "all sessions passed, but uv can't resolve them: 503"
    with pytest.raises(UserError, match="a session failed, and uv can't resolve them"):
        main(["dist", "nightly", "--", *RED])
