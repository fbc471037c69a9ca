"""What the stack is told: the project's name, and cdk.json's context or `-c key=value`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_logs import RetentionDays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Each key with a text for a value: its form, and that form in words.
_TEXTS = {
    "repository": (r"(?!.*\.git$)[\w.-]{1,100}", "a CodeCommit repository's name"),
    "branch": (
        r"(?![-/.])(?!.*(?:\.\.|//|\.lock$|[/.]$))[\w./-]{1,200}",
        "a branch's name without refs/heads/",
    ),
    "region": (r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as us-west-2"),
    "secret": (r"[\w/+=.@-]{1,512}", "a Secrets Manager secret's name, not its ARN"),
    "notification-email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "one e-mail address"),
}
# "Kept for a fixed time" leaves no place for INFINITE.
_RETENTIONS = {
    days.name.lower().replace("_", "-"): days
    for days in RetentionDays
    if days is not RetentionDays.INFINITE
}
_SWITCHES = {"true": True, "false": False}
_KEYS = (*_TEXTS, "manual-approval", "log-retention")
# What the CDK CLI itself remembers, besides keys with a colon or an at sign in them.
_CLI_KEYS = {"acknowledged-issue-numbers", "cli-telemetry"}


class ContextProblem(Exception):  # noqa: N818 - what the user reads, no failure of this code
    """A setting that the stack can't be made from: what was found, and what to do about it."""

    def __init__(self, code: str, found: str, remedy: str) -> None:
        """Keep the three parts; `str()` joins them into the two lines that are printed."""
        super().__init__(f"error[{code}]: {found}\nhelp: {remedy}")
        self.code = code
        self.found = found
        self.remedy = remedy


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One package's infrastructure: what it is called, where it lives, what it may use.

    `name` is the project's, as an index spells it, and begins the name of every resource that has
    one. `branch` is the one that pull requests aim at and that releases come from. `secret` is the
    name of the Secrets Manager secret with the upload token.
    """

    name: str
    repository: str
    branch: str
    region: str
    secret: str
    notification_email: str | None
    manual_approval: bool
    log_retention: RetentionDays


def read_settings(context: Mapping[str, object], pyproject: Path) -> Settings:
    """Check the context and fill its gaps from the project's name.

    Raises ContextProblem for a key that is unknown, a value that is empty or malformed, and a
    pyproject.toml without a name.
    """
    ours = {key: value for key, value in context.items() if not _is_cdks(key)}
    for key in ours:
        if key not in _KEYS:
            raise ContextProblem(
                "unknown-context", f"the context has {key!r}", f"use one of {', '.join(_KEYS)}"
            )
    project = _project_name(pyproject)
    texts = {key: _text(key, ours[key]) for key in _TEXTS if key in ours}
    return Settings(
        name=re.sub(r"[-_.]+", "-", project).lower(),
        repository=texts.get("repository", project),
        branch=texts.get("branch", "main"),
        region=texts.get("region", "us-west-2"),
        secret=texts.get("secret", f"{project}/pypi"),
        notification_email=texts.get("notification-email"),
        manual_approval=_choice("manual-approval", ours.get("manual-approval", False), _SWITCHES),
        log_retention=_choice(
            "log-retention", ours.get("log-retention", "three-months"), _RETENTIONS
        ),
    )


def _is_cdks(key: str) -> bool:
    return ":" in key or key.startswith("@") or key in _CLI_KEYS


def _text(key: str, value: object) -> str:
    form, in_words = _TEXTS[key]
    if not isinstance(value, str) or not re.fullmatch(form, value, re.ASCII):
        raise ContextProblem(
            "malformed-context",
            f"the context's {key} is {value!r}",
            f"give it {in_words}, or leave the key out",
        )
    return value


def _choice[T](key: str, value: object, choices: Mapping[str, T]) -> T:
    """One of few values; `-c key=value` makes a string of every one of them."""
    chosen = choices.get(str(value).lower())
    if chosen is None:
        raise ContextProblem(
            "malformed-context",
            f"the context's {key} is {value!r}",
            f"give it one of {', '.join(choices)}, or leave the key out",
        )
    return chosen


def _project_name(pyproject: Path) -> str:
    try:
        name = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ContextProblem(
            "no-project-name",
            f"{pyproject.name} gives no [project] name ({type(error).__name__}: {error})",
            "keep cdk/ beside a pyproject.toml that has one",
        ) from None
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]([\w.-]*[A-Za-z0-9])?", name):
        raise ContextProblem(
            "malformed-project-name",
            f"the project's name is {name!r}",
            "give it letters, digits, '.', '_' and '-', a letter first",
        )
    return name
