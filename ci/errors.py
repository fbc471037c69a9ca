"""How the pipeline tells a user what is wrong.

A `UserError` is for the person who runs the session, not for a debugger. It names the thing and its
value, says what to do, and carries a short code under which ci/errors.md explains it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class UserError(Exception):
    """An error that a user can cause and can fix.

    `code` is a short slug, unique in ci/; `found` names the thing and its value; `remedy` says what
    to do, in the imperative.
    """

    def __init__(self, code: str, found: str, remedy: str) -> None:
        """Keep the three parts; `str()` joins them into one line."""
        super().__init__(f"{found}: {remedy} [{code}]")
        self.code = code
        self.found = found
        self.remedy = remedy


class UserErrors(Exception):  # noqa: N818 - more than one of them
    """Several `UserError`s that are shown at once, so that nobody fixes one in each run."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        """Keep the `errors`; `str()` has one error on each line."""
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


def check_all(*checks: Callable[[], object]) -> None:
    """Call all `checks`; raise one UserErrors with every error that they raise."""
    found: list[UserError] = []
    for check in checks:
        try:
            check()
        except UserErrors as several:
            found += several.errors
        except UserError as error:
            found.append(error)
    if found:
        raise UserErrors(found)


def printable(text: str) -> str:
    """Return `text` on one line, with every character escaped that could control a terminal.

    That is every line's end, control character, change of direction and blank but the space. For
    what others have written: an index's answer, a file's name, what git says.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def exit_with(main: Callable[[], None]) -> None:
    """Run `main`; print a `UserError` and exit with 1; exit with 130 after Ctrl-C.

    Lines after the first are indented, so that no value can look like a line of ours.
    """
    try:
        main()
    except (UserError, UserErrors) as caught:
        sys.stdout.flush()  # or the error stands above what led to it
        for error in caught.errors if isinstance(caught, UserErrors) else [caught]:
            _print(f"error[{error.code}]", error.found)
            _print("help", error.remedy)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _print(begin: str, text: str) -> None:
    first, *more = [printable(line) for line in text.split("\n")]
    print("\n  ".join([f"{begin}: {first}", *more]), file=sys.stderr)
