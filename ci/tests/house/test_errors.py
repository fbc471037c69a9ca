"""What a user sees when something is wrong."""

from __future__ import annotations

import pytest

from ci.errors import UserError, UserErrors, check_all, exit_with, printable


def test_a_user_error_is_two_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("odd-tag", "tag x is odd", "use another")

    with pytest.raises(SystemExit) as ended:
        exit_with(main)
    assert ended.value.code == 1
    assert ended.value.__suppress_context__
    assert capsys.readouterr() == ("", "error[odd-tag]: tag x is odd\nhelp: use another\n")


def test_an_interrupt_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        exit_with(main)
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err


def test_success_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    exit_with(lambda: None)
    assert capsys.readouterr() == ("", "")


def test_several_errors_are_shown_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    def one() -> None:
        raise UserError("one", "a is odd", "use b")

    def two() -> None:
        check_all(one, lambda: None, one)

    with pytest.raises(SystemExit) as ended:
        exit_with(lambda: check_all(one, lambda: None, two))
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error[one]: a is odd\nhelp: use b\n" * 3


def test_other_errors_are_not_collected() -> None:
    def broken() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        check_all(broken)


def test_checks_that_pass_raise_nothing_and_errors_say_themselves() -> None:
    check_all(lambda: None)
    assert str(UserErrors([UserError("one", "a is odd", "use b")])) == "a is odd: use b [one]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é and 試", "plain text, é and 試"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
        ("\u2028", r"\u2028"),
    ],
)
def test_what_others_write_can_not_act_on_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_value_of_several_lines_can_not_look_like_lines_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        raise UserError("odd", "a\x1b[1m\nhelp: do harm", "this:\nthat")

    with pytest.raises(SystemExit):
        exit_with(main)
    shown = "error[odd]: a\\x1b[1m\n  help: do harm\nhelp: this:\n  that\n"
    assert capsys.readouterr().err == shown
