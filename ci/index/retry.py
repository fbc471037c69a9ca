"""How often to try again and how long to wait: always bounded, and set by the environment.

PUBLISH_ATTEMPTS, PUBLISH_PAUSE, PUBLISH_REQUEST_TIMEOUT, PUBLISH_UPLOAD_TIMEOUT and PUBLISH_WAIT
set the fields of `RetryPolicy`; all but the first are seconds.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from dataclasses import dataclass, fields
from threading import Thread
from typing import TYPE_CHECKING

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_PAUSE = 60.0
# Request time-out, too early, too many requests, and whatever is the server's own fault.
PASSING_STATUSES = frozenset({408, 425, 429, *range(500, 600)})


class Transient(Exception):  # noqa: N818 - an event that passes, not yet an error
    """An error that a retry can solve: a reset, a time-out, a 429, a 5xx.

    `retry_after` is what the server asks for, in seconds.
    """

    def __init__(self, reason: str, retry_after: float = 0) -> None:
        """Keep the reason for the message that is printed when retry ends."""
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class RetryPolicy:
    """`attempts` of one step, with `pause` seconds after the first and twice as long after each.

    `request_timeout` is for a silent index, `upload_timeout` for one file or answer as a whole,
    `wait` for the index to show what was uploaded (PyPI has taken more than ten minutes).
    """

    attempts: float = 5
    pause: float = 2
    request_timeout: float = 30
    upload_timeout: float = 300
    wait: float = 900

    def retrying(self, say: Callable[[str], None]) -> Retrying:
        """Tenacity's loop for one step: retries Transient, tells `say`, raises the last one."""
        backoff = wait_exponential_jitter(
            multiplier=self.pause, max=LONGEST_PAUSE, jitter=self.pause
        )

        def pause(state: RetryCallState) -> float:
            return min(max(backoff(state), _transient(state).retry_after), LONGEST_PAUSE)

        def tell(state: RetryCallState) -> None:
            say(
                f"{_transient(state)}; attempt {state.attempt_number + 1} of {self.attempts:g}"
                f" in {state.upcoming_sleep:.0f} s"
            )

        return Retrying(
            sleep=time.sleep,
            stop=stop_after_attempt(int(self.attempts)),
            wait=pause,
            retry=retry_if_exception_type(Transient),
            before_sleep=tell,
            reraise=True,
        )


def within[T](seconds: float, work: Callable[[], T]) -> T:
    """Return what `work` returns; raise Transient if that takes longer than `seconds`.

    A socket's time-out begins anew with each byte, so it does not end an answer that drips. The
    thread is left behind then, and ends with the process.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():  # it is the work's own
            raise
        raise Transient(f"no whole answer within {seconds:g} s") from None


def read_retry_policy(environ: Mapping[str, str]) -> RetryPolicy:
    """The defaults, changed by what `environ` sets; raises UserError for no positive number."""
    names = {field.name: f"PUBLISH_{field.name.upper()}" for field in fields(RetryPolicy)}
    return RetryPolicy(
        **{
            field: _number(name, environ[name])
            for field, name in names.items()
            if environ.get(name)
        }
    )


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UserError(
            "retry-setting", f"{name} is {text!r}", "set it to a positive number, or unset it"
        )
    return max(1, number) if name == "PUBLISH_ATTEMPTS" else number


def _transient(state: RetryCallState) -> Transient:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Transient) else Transient("")
