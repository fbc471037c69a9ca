"""What people are told when an execution ends."""

from __future__ import annotations

import pytest

from ci.rehearsal.cloudformation import Template
from ci.rehearsal.eventbridge import execution_ended
from ci.rehearsal.notifications import Notification, notifications
from ci.rehearsal.stepfunctions import Ended
from ci.tests.rehearsal.toy import template

TOY = Template(template())
VARIABLES = {"SOURCE_COMMIT": "a" * 40, "PULL_REQUEST_ID": "7"}
EXECUTION = "00000000-0000-0000-0000-000000000000"


def told(pipeline: str, state: str, trigger: str = "CloudWatchEvent") -> list[Notification]:
    event = execution_ended(TOY, pipeline, EXECUTION, state, trigger)
    return notifications(TOY, event, Ended(VARIABLES))


def test_a_validation_is_commented() -> None:
    assert told("Prs", "SUCCEEDED") == [Notification("pull request 7", f"{'a' * 40} SUCCEEDED")]


def test_a_failed_release_is_told_to_the_topic() -> None:
    assert told("Releases", "FAILED") == [Notification("Topic", f'"Release failed: {EXECUTION}"')]


@pytest.mark.parametrize("pipeline", ["Prs", "Releases"])
def test_a_new_pipeline_s_own_run_is_told_to_nobody(pipeline: str) -> None:
    assert told(pipeline, "FAILED", "CreatePipeline") == []
