from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.index.retry import RetryPolicy, Transient, read_retry_policy, within
from ci.tests.told import code_of as told

if TYPE_CHECKING:
    from ci.tests.conftest import Clock


def test_retries_are_set_by_the_environment() -> None:
    assert read_retry_policy({}) == RetryPolicy()
    assert read_retry_policy({"PUBLISH_WAIT": "5", "PUBLISH_ATTEMPTS": "2"}) == RetryPolicy(
        2, wait=5
    )
    assert read_retry_policy({"PUBLISH_WAIT": ""}) == RetryPolicy()
    assert read_retry_policy({"PUBLISH_ATTEMPTS": "0.5"}).attempts == 1


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_a_retry_setting_that_is_not_a_positive_number_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="PUBLISH_WAIT") as caught:
        read_retry_policy({"PUBLISH_WAIT": text})
    assert told(caught.value) == "retry-setting"


def run(policy: RetryPolicy, errors: list[Exception]) -> tuple[str, list[str]]:
    """What the step returns when it raises these in turn, and what is said meanwhile."""
    said: list[str] = []

    def step() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    return policy.retrying(said.append)(step), said


def test_what_passes_is_tried_again_after_pauses_that_grow(clock: Clock) -> None:
    policy = RetryPolicy(attempts=5, pause=2)
    done, said = run(policy, [Transient(str(number)) for number in range(4)])
    assert done == "done"
    assert [line.partition(" in ")[0] for line in said] == [
        "0; attempt 2 of 5",
        "1; attempt 3 of 5",
        "2; attempt 4 of 5",
        "3; attempt 5 of 5",
    ]
    for number, pause in enumerate(clock.slept):
        assert 2 * 2**number <= pause <= 2 * 2**number + 2


def test_after_the_last_attempt_its_reason_is_raised(clock: Clock) -> None:
    errors: list[Exception] = [Transient(str(number)) for number in range(9)]
    with pytest.raises(Transient, match=r"^2$"):
        run(RetryPolicy(attempts=3, pause=1), errors)
    assert len(errors) == 6
    assert len(clock.slept) == 2


def test_what_is_no_passing_fault_is_not_tried_again(clock: Clock) -> None:
    with pytest.raises(ValueError, match="for good"):
        run(RetryPolicy(), [ValueError("for good")])
    assert clock.slept == []


@pytest.mark.parametrize(
    ("asked", "slept"), [(17, 17), (3600, 60), (float("inf"), 60)], ids=["17 s", "1 h", "for ever"]
)
def test_a_server_that_asks_for_time_gets_it_up_to_a_minute(
    clock: Clock, asked: float, slept: float
) -> None:
    assert run(RetryPolicy(pause=2), [Transient("busy", asked)])[1] == [
        f"busy; attempt 2 of 5 in {slept} s"
    ]
    assert clock.slept == [slept]


def test_no_pause_is_longer_than_a_minute(clock: Clock) -> None:
    run(RetryPolicy(attempts=9, pause=20), [Transient("") for _ in range(8)])
    assert max(clock.slept) == 60


@pytest.mark.parametrize("error", [TimeoutError, KeyboardInterrupt])
def test_what_the_work_raises_in_time_is_raised_as_it_is(error: type[BaseException]) -> None:
    def work() -> None:
        raise error("its own")

    with pytest.raises(error, match="its own"):
        within(5, work)
