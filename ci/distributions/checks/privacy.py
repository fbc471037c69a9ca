"""Find secret and private files in a distribution, by their names and their contents."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

from ci.distributions.archive import MAX_MEMBERS
from ci.distributions.checks import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.distributions.checks import Finding, Subject

# Lower case; compared with every part of a member's path, so that a folder's name counts too.
_PRIVATE_NAMES = {
    "a secret": (
        *(
            ".env",
            ".env.*",
            ".env-*",
            "*.env",
            "*.env.local",
            ".envrc",
            ".pgpass",
            ".my.cnf",
            "credentials*",
            "*credentials.json",
        ),
        *(
            "secret.json",
            "secrets.json",
            "secrets.toml",
            "secrets.y*ml",
            "secrets.ini",
            "secrets.txt",
        ),
        *(".pypirc", ".netrc", "_netrc", ".npmrc", ".git-credentials", ".htpasswd", ".dockercfg"),
        *(".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure"),
        *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.ppk"),
        *("*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*service*account*.json"),
        *("*.tfstate", "*.tfstate.*", "*.tfvars"),
    ),
    "data": (
        *("*.csv", "*.tsv", "*.xls", "*.xlsx", "*.ods", "*.parquet", "*.feather", "*.arrow"),
        *(
            "*.jsonl",
            "*.ndjson",
            "*.db",
            "*.duckdb",
            "*.sqlite",
            "*.sqlite3",
            "*.dump",
            "*.h5",
            "*.hdf5",
        ),
        *(
            "*.pkl",
            "*.pickle",
            "*.joblib",
            "*.npy",
            "*.npz",
            "*.mat",
            "*.rds",
            "*.dta",
            "*.sav",
            ".rdata",
        ),
        *("*.wav", "*.mp3", "*.flac", "*.m4a", "*.ogg", "*.mp4", "*.mov", "*.avi", "*.dcm"),
    ),
    "a notebook": ("*.ipynb", ".ipynb_checkpoints"),
    "an archive": (
        *("*.zip", "*.tar", "*.tar.*", "*.tgz", "*.gz", "*.bz2", "*.xz", "*.zst", "*.7z"),
        *("*.rar", "*.whl", "*.egg", "*.jar"),
    ),
    "a leftover": (
        *("*.bak", "*.swp", "*~", "*.log", "*.tmp", ".ds_store", "thumbs.db"),
        *(".git", ".idea", ".vscode", ".nox", ".tox", ".venv", "__pycache__", "*.py[co]"),
        *(".coverage", ".coverage.*", ".bash_history", ".python_history"),
    ),
}


class _Unquoted(RegexBasedDetector):
    """What detect-secrets lacks. A pattern that begins literally is fast."""

    secret_type = "credential"  # noqa: S105 - the kind that is reported, not a secret
    denylist = (
        re.compile(
            r"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY)[ \t]*[=:][ \t]*"
            r"([0-9A-Za-z/+]{40})(?![0-9A-Za-z/+=])"
        ),
        re.compile(r"github_pat_\w{40,}"),
        re.compile(r"pypi-(?:AgE[\w-]{16,}|\w{32,})"),
        re.compile(r"BEGIN ENCRYPTED [P]RIVATE KEY"),
        re.compile(r"PuTTY-User-Key-File-[3]"),
        re.compile(r"\"SecretAccessKey\"\s*:\s*\"([0-9A-Za-z/+]{40})\""),
        re.compile(r"AIza[\w-]{35}"),
        re.compile(r"hf_(?<![A-Za-z0-9]hf_)[A-Za-z0-9]{34}"),
        re.compile(r"sk-ant-[\w-]{20,}"),
        re.compile(r"npm_(?<![A-Za-z0-9]npm_)[A-Za-z0-9]{36}"),
        re.compile(r"_authToken[ \t]*=[ \t]*[\"']?(?:npm_\w{30,}|[0-9a-fA-F-]{36})"),
    )


# Those that know a credential by its form. Entropy, keywords and basic-auth addresses would stop
# ordinary code, and their npm plugin takes quadratic time on a minified line.
_DETECTORS: tuple[RegexBasedDetector, ...] = (
    AWSKeyDetector(),
    AzureStorageKeyDetector(),
    DiscordBotTokenDetector(),
    GitHubTokenDetector(),
    GitLabTokenDetector(),
    JwtTokenDetector(),
    MailchimpDetector(),
    OpenAIDetector(),
    PrivateKeyDetector(),
    PypiTokenDetector(),
    SendGridDetector(),
    SlackDetector(),
    SquareOAuthDetector(),
    StripeDetector(),
    TelegramBotTokenDetector(),
    TwilioKeyDetector(),
    _Unquoted(),
)


# What is in every match of patterns that take long where it is not.
_NEEDED = {MailchimpDetector: "-us", OpenAIDetector: "T3BlbkFJ"}

# Of a long line so much is looked at at once: a pattern may take quadratic time. Windows overlap by
# more than the length of any token.
_WINDOW, _OVERLAP = 4096, 1024


_COMPILED_NAMES = {
    kind: [(pattern, re.compile(translate(pattern))) for pattern in patterns]
    for kind, patterns in _PRIVATE_NAMES.items()
}


def private_names(subject: Subject) -> Iterator[Finding]:
    """Find members that are named like a secret, data, an archive, a notebook or a leftover."""
    allowed = subject.project.settings.allow_names
    for member in subject.archive.members:
        looks = _looks_like(member.path)
        if looks and member.kind != "folder" and not matches(member.path, allowed):
            yield subject.finding(
                member.path,
                "private-name",
                f"it is named like {looks}",
                "leave it out; if everybody may have it, add it to allow-names in [tool.ci]",
            )


def _looks_like(path: str) -> str | None:
    parts = [part.strip() for part in path.lower().split("/")]
    for kind, patterns in _COMPILED_NAMES.items():
        # A module may be about secrets; one that holds some is found by its contents.
        named = parts if kind != "a secret" or not path.endswith(_MODULES) else _hidden(parts)
        for pattern, compiled in patterns:
            if any(map(compiled.match, named)):
                return f"{kind} ({pattern})"
    return None


def _hidden(parts: list[str]) -> list[str]:
    return [part for part in parts if part.startswith(".")]


_MODULES = (".py", ".pyi")


def text(subject: Subject) -> Iterator[Finding]:
    """Find files that are not UTF-8 text, so that nobody can review them, unless allowed."""
    settings = subject.project.settings
    allowed = (*settings.allow_names, *settings.not_in_git)
    for member in subject.archive.members:
        if member.kind == "file" and not _is_text(member.content):
            if matches(member.path, allowed):
                continue
            yield subject.finding(
                member.path,
                "not-text",
                "it is not UTF-8 text, so nobody can review it",
                "leave it out, or add it to allow-names in [tool.ci]",
            )


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def secrets(subject: Subject) -> Iterator[Finding]:
    """Find files with a credential in a known form; never print the credential."""
    for member in subject.archive.members:
        if matches(member.path, subject.project.settings.allow_secrets_in):
            continue
        for number, kind in sorted(_credentials(member.content)):
            yield subject.finding(
                member.path,
                "secret",
                f"line {number} looks like it has a secret: {kind}",
                "revoke it and remove it from git's history; if it is not real, build it from parts"
                " at run time, or add the file to allow-secrets-in in [tool.ci]",
            )


@lru_cache(maxsize=MAX_MEMBERS)  # the wheel holds what the sdist holds
def _credentials(content: bytes) -> set[tuple[int, str]]:
    """Return line number and kind of everything that looks like a credential.

    Latin-1 reads any byte; without its zeros UTF-16 reads like ASCII.
    """
    return {
        (number + block.count("\n", 0, match.start()), detector.secret_type)
        for number, block in _blocks(content.decode("latin-1").replace("\0", ""))
        for detector in _DETECTORS
        if _NEEDED.get(type(detector), "") in block
        for pattern in detector.denylist
        for match in pattern.finditer(block)
        if any(True for _ in detector.analyze_string(match[0]))
    }


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces of whole lines, or of windows in a long line, with their line numbers."""
    start, number = 0, 1
    while start < len(text):
        end = start + _WINDOW
        line_end = text.rfind("\n", start, end) + 1
        whole = end >= len(text)
        stop = len(text) if whole else line_end or end
        yield number, text[start:stop]
        next_start = stop if whole or line_end else end - _OVERLAP
        number += text.count("\n", start, next_start)
        start = next_start
