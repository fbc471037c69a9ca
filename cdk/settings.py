"""The stack's settings, from pyproject.toml and the context in cdk.json or `-c key=value`."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_cdk.aws_codebuild import ComputeType
from aws_cdk.aws_logs import RetentionDays

from pythons import other_pythons

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_CRON = r"[\w*/,#-]+"  # a field of EventBridge's cron expressions
_RATE = r"rate\((1 (hour|day)|(?!1 )[1-9]\d* (hours|days))\)"
# Each key with a text for a value: its form, and that form in words.
_TEXTS = {
    "repository": (r"(?!.*\.git$)[\w.-]{1,100}", "a CodeCommit repository's name"),
    "branch": (
        r"(?![-/.])(?!.*(?:\.\.|//|\.lock$|[/.]$))[\w./-]{1,200}",
        "a branch's name without refs/heads/",
    ),
    "region": (r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as us-west-2"),
    "secret": (r"[\w/+=.@-]{1,512}", "a Secrets Manager secret's name, not its ARN"),
    "staging-secret": (r"[\w/+=.@-]{1,512}", "a Secrets Manager secret's name, not its ARN"),
    "notification-email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "one e-mail address"),
    "slack-channel": (
        r"[TE][A-Z0-9]{2,20}/[CG][A-Z0-9]{2,20}",
        "the ids of a workspace and of a channel, such as T0123ABCD/C0123ABCD",
    ),
    "nightly": (
        rf"cron\({_CRON} {_CRON} (\? {_CRON} {_CRON}|{_CRON} {_CRON} \?) {_CRON}\)|{_RATE}",
        "a schedule such as cron(0 3 * * ? *), in UTC, with ? as one of the two days",
    ),
}
# "Kept for a fixed time" leaves no place for INFINITE.
_RETENTIONS = {
    days.name.lower().replace("_", "-"): days
    for days in RetentionDays
    if days is not RetentionDays.INFINITE
}
# The on-demand machines that carry aws/codebuild/standard:7.0. Those with ARM have no such image,
# and Lambda's have other images, no cache, and 15 minutes.
_MACHINES = {
    "small": ComputeType.SMALL,
    "medium": ComputeType.MEDIUM,
    "large": ComputeType.LARGE,
    "xlarge": ComputeType.X_LARGE,
    "2xlarge": ComputeType.X2_LARGE,
}
_PROJECTS = (
    *("pr-validation", "pr-tests", "pr-coverage", "release", "build", "publish", "verify"),
    *("staging", "nightly"),
)
_MINUTES = range(5, 481)  # an action of CodePipeline waits eight hours for its build
_SHARDS = range(2, 5)  # an action takes five artifacts, and the source is one of them
_SWITCHES = {"true": True, "false": False}
_KEYS = (
    *_TEXTS,
    *("all-pythons", "compute", "log-retention", "manual-approval", "shards", "staging"),
    "timeout-minutes",
)
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
    one. `branch` is the one that pull requests aim at and that releases come from. `secret` and
    `staging_secret` are the names of Secrets Manager secrets with upload tokens.

    Pull requests are also tested on `other_pythons`, and their tests are split over `shards` builds
    (1: not split). `compute` and `timeout_minutes` are by project; what is not there is small, and
    has 30 minutes. `nightly` is a schedule, `slack_channel` a workspace's and a channel's id.
    """

    name: str
    repository: str
    branch: str
    region: str
    secret: str
    notification_email: str | None = None
    manual_approval: bool = False
    log_retention: RetentionDays = RetentionDays.THREE_MONTHS
    other_pythons: tuple[str, ...] = ()
    shards: int = 1
    compute: Mapping[str, ComputeType] = field(default_factory=dict)
    timeout_minutes: Mapping[str, int] = field(default_factory=dict)
    nightly: str | None = None
    staging_secret: str | None = None
    slack_channel: tuple[str, str] | None = None


def read_settings(context: Mapping[str, object], pyproject: Path) -> Settings:
    """Check the context and fill its gaps from pyproject.toml.

    Raises ContextProblem for a key that is unknown, a value that is empty or malformed, and a
    pyproject.toml without a name.
    """
    ours = {key: value for key, value in context.items() if not _is_cdks(key)}
    for key in ours:
        if key not in _KEYS:
            raise ContextProblem(
                "unknown-context",
                f"the CDK context has the unknown key {key!r}",
                f"use one of {', '.join(_KEYS)}",
            )
    document = _read(pyproject)
    project = _project_name(document)
    texts = {key: _text(key, ours[key]) for key in _TEXTS if key in ours}
    switched = {
        key: _choice(key, ours.get(key, default), _SWITCHES)
        for key, default in {
            "manual-approval": False,
            "all-pythons": True,
            "staging": False,
        }.items()
    }
    staging_secret = texts.get("staging-secret", f"{project}/testpypi")
    workspace, _, channel = texts.get("slack-channel", "").partition("/")
    return Settings(
        name=re.sub(r"[-_.]+", "-", project).lower(),
        repository=texts.get("repository", project),
        branch=texts.get("branch", "main"),
        region=texts.get("region", "us-west-2"),
        secret=texts.get("secret", f"{project}/pypi"),
        notification_email=texts.get("notification-email"),
        manual_approval=switched["manual-approval"],
        log_retention=_choice(
            "log-retention", ours.get("log-retention", "three-months"), _RETENTIONS
        ),
        other_pythons=other_pythons(document) if switched["all-pythons"] else (),
        shards=_number("shards", ours.get("shards", 1), {1, *_SHARDS}),
        compute=_by_project("compute", ours, _machine),
        timeout_minutes=_by_project(
            "timeout-minutes", ours, lambda key, value: _number(key, value, _MINUTES)
        ),
        nightly=texts.get("nightly"),
        staging_secret=staging_secret if switched["staging"] else None,
        slack_channel=(workspace, channel) if channel else None,
    )


def _is_cdks(key: str) -> bool:
    return ":" in key or key.startswith("@") or key in _CLI_KEYS


def _malformed(key: str, value: object, wanted: str) -> ContextProblem:
    return ContextProblem(
        "malformed-context",
        f"{key} in the CDK context is {value!r}",
        f"set it to {wanted}, or remove the key",
    )


def _text(key: str, value: object) -> str:
    form, in_words = _TEXTS[key]
    if not isinstance(value, str) or not re.fullmatch(form, value, re.ASCII):
        raise _malformed(key, value, in_words)
    return value


def _choice[T](key: str, value: object, choices: Mapping[str, T]) -> T:
    """One of few values; `-c key=value` makes a string of every one of them."""
    chosen = choices.get(str(value).lower())
    if chosen is None:
        raise _malformed(key, value, f"one of {', '.join(choices)}")
    return chosen


def _machine(key: str, value: object) -> ComputeType:
    try:
        return _choice(key, value, _MACHINES)
    except ContextProblem as problem:
        if not re.match("arm|lambda", str(value), re.IGNORECASE):
            raise
        raise ContextProblem(
            "malformed-context",
            f"{problem.found}, which can't run the image aws/codebuild/standard:7.0",
            problem.remedy,
        ) from None


def _number(key: str, value: object, allowed: range | set[int]) -> int:
    """A whole number; `-c key=value` makes a string of it."""
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,4}", str(value), re.ASCII):
        number = -1
    else:
        number = int(str(value))
    if number not in allowed:
        raise _malformed(key, value, f"a whole number from {min(allowed)} to {max(allowed)}")
    return number


def _by_project[T](
    key: str, ours: Mapping[str, object], read: Callable[[str, object], T]
) -> dict[str, T]:
    """One value for all projects, or a mapping of projects to values, as JSON behind `-c`."""
    value = ours.get(key, {})
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            raise _malformed(key, value, "valid JSON") from None
    if not isinstance(value, dict):
        return dict.fromkeys(_PROJECTS, read(key, value))
    unknown = [name for name in value if name not in _PROJECTS]
    if unknown:
        raise _malformed(key, value, f"a value for one of {', '.join(_PROJECTS)}")
    return {name: read(f"{key} of {name}", item) for name, item in value.items()}


def _read(pyproject: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _no_name(f"{type(error).__name__}: {error}") from None


def _project_name(document: dict[str, Any]) -> str:
    try:
        name = document["project"]["name"]
    except (KeyError, TypeError) as error:
        raise _no_name(f"{type(error).__name__}: {error}") from None
    # A state machine's name takes 80 characters, and one of ours ends in -announcement.
    form = r"[A-Za-z]([\w.-]{0,65}[A-Za-z0-9])?"
    if not isinstance(name, str) or not re.fullmatch(form, name, re.ASCII):
        raise ContextProblem(
            "malformed-project-name",
            f"the project's name is {name!r}",
            "use at most 67 letters, digits, '.', '_' and '-', and begin with a letter",
        )
    return name


def _no_name(why: str) -> ContextProblem:
    return ContextProblem(
        "no-project-name",
        f"pyproject.toml has no name in [project] ({why})",
        "add the name to [project] in the pyproject.toml beside cdk/",
    )
