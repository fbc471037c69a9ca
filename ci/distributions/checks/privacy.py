"""Nothing secret or private is shipped: neither by its name nor by what stands in it."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
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

from ci.distributions.archive import files, members
from ci.distributions.checks import Finding, matches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.package.project import Project

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
    """Forms that detect-secrets' own plugins don't know."""

    secret_type = "credential"  # noqa: S105 - the kind that is reported, not a secret
    denylist = (
        re.compile(r"(?i)aws_secret_access_key[ \t]*[=:][ \t]*([0-9a-z/+]{40})(?![0-9a-z/+=])"),
        re.compile(r"github_pat_\w{40,}"),
        re.compile(r"pypi-(?:AgE[\w-]{16,}|\w{32,})"),
        re.compile(r"BEGIN ENCRYPTED [P]RIVATE KEY|PuTTY-User-Key-File-[3]"),
        re.compile(r"\"SecretAccessKey\"\s*:\s*\"([0-9A-Za-z/+]{40})\""),
        re.compile(r"\b(?:AIza[\w-]{35}|hf_[A-Za-z0-9]{34}|sk-ant-[\w-]{20,}|npm_[A-Za-z0-9]{36})"),
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


def private_names(project: Project, distribution: Path) -> Iterator[Finding]:
    """No member is named like a secret, data, an archive, a notebook, or a leftover."""
    for member in members(distribution):
        looks = _looks_like(member.path)
        if (
            looks
            and member.kind != "folder"
            and not matches(member.path, project.settings.allow_names)
        ):
            yield Finding(
                distribution.name,
                member.path,
                "private-name",
                f"it is named like {looks}",
                "leave it out, or, if everybody may have it, add it to allow-names in [tool.ci]",
            )


def _looks_like(path: str) -> str | None:
    parts = [part.strip() for part in path.lower().split("/")]
    for kind, patterns in _PRIVATE_NAMES.items():
        for pattern in patterns:
            if any(fnmatchcase(part, pattern) for part in parts):
                return f"{kind} ({pattern})"
    return None


def secrets(project: Project, distribution: Path) -> Iterator[Finding]:
    """No file holds a credential in a known form. What was found is never printed."""
    for member, content in files(distribution):
        if matches(member.path, project.settings.allow_secrets_in):
            continue
        for number, kind in sorted(_credentials(content)):
            yield Finding(
                distribution.name,
                member.path,
                "secret",
                f"line {number} holds what looks like one: {kind}",
                "revoke it and remove it from git's history; a made-up one is best put together"
                " at run time, or add the file to allow-secrets-in in [tool.ci]",
            )


def _credentials(content: bytes) -> set[tuple[int, str]]:
    """Line number and kind of everything that looks like a credential.

    Latin-1 reads any byte; without its zeros UTF-16 reads like ASCII.
    """
    text = content.decode("latin-1").replace("\0", "")
    # The whole at once first, since most files are clean: line by line is many times slower.
    suspected = [detector for detector in _DETECTORS if _finds(detector, text)]
    lines = text.split("\n") if suspected else []
    return {
        (number, detector.secret_type)
        for detector in suspected
        for number, line in enumerate(lines, 1)
        if _finds(detector, line)
    }


def _finds(detector: RegexBasedDetector, text: str) -> bool:
    return any(True for _ in detector.analyze_string(text))
