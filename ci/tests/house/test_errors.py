"""What a user sees when something is wrong."""

from __future__ import annotations

import pytest

from ci.errors import UserError, exit_with


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
