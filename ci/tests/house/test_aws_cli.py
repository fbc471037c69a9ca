"""The AWS CLI takes the commands that the pages have."""

from __future__ import annotations

import re

import pytest

from ci.tests.house.aws_cli import complaints
from ci.tests.house.pages import pages


def aws_commands() -> list[str]:
    """Those that one types, and those that a sentence names."""
    texts = [text for page in pages() for text in [*page.commands, *page.code_spans]]
    parts = {part for text in texts for part in re.split(r" \| ", text)}
    return sorted(part for part in parts if re.match(r"aws [a-z0-9]+ [a-z]", part))


@pytest.mark.parametrize("command", aws_commands())
def test_the_aws_cli_takes_this(command: str) -> None:
    assert list(complaints(command)) == []


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("aws codepipelines get-pipeline-state", "Unknown service: 'codepipelines'"),
        ("aws codepipeline get-pipeline-stat --name X", "'get-pipeline-stat'"),
        ("aws codepipeline get-pipeline-state --pipeline X", "unknown option pipeline"),
        ("aws codepipeline get-pipeline-state", "lacks name"),
        ("aws codepipeline get-pipeline-state --name X --max-items 1", "unknown option max-items"),
        ("aws codebuild list-reports --sort-order DOWN", "sort-order can't be 'DOWN'"),
        ("aws codebuild list-reports --sort-order down", "sort-order can't be 'down'"),
        ("aws codebuild list-reports --max-items 1 --query reports[].name", "finds []"),
        ("aws sns list-topics --query Topics[].Arn", "finds []"),
        ("aws s3 rm s3://x --recursively", "unknown option recursively"),
        ("aws s3api list-buckets --query Bucket[].Name", "finds None"),
        (
            "aws codecommit create-pull-request --title t --targets repository=x",
            "targets has no repository",
        ),
    ],
)
def test_what_the_aws_cli_does_not_take_is_found(command: str, complaint: str) -> None:
    assert complaint in "; ".join(complaints(command))
