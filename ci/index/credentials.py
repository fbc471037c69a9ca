"""Find the upload token in the environment, Secrets Manager, .pypirc or keyring.

It is held in one value that does not print itself, and leaves it only for twine's environment.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import keyring
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)
from keyring.errors import NoKeyringError
from twine.auth import TOKEN_USERNAME

from ci.errors import UserError
from ci.index.urls import check_url

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from ci.index.repository import Repository

_SHAPE = f'{{"username": "{TOKEN_USERNAME}", "password": "pypi-…"}}'
_CONFIG = Config(
    connect_timeout=10,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
)
# What a secret may be called, as its name or in its ARN (Secrets Manager's CreateSecret).
_SECRET_ID = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,2048}")
# PyPI's tokens are serialized macaroons, which all begin with AgE; other indexes' are random.
_TOKEN = re.compile(r"pypi-(?:AgE[\w-]{8}|[\w-]*\w{20})")


@dataclass(frozen=True)
class Credentials:
    """A user name and a password, which `repr` never shows; `source` is for messages."""

    username: str
    password: str = field(repr=False)
    source: str

    def environment(self) -> dict[str, str]:
        """Return the variables that only twine gets."""
        return {"TWINE_USERNAME": self.username, "TWINE_PASSWORD": self.password}


def take_from_environment(environ: MutableMapping[str, str]) -> tuple[str | None, str | None]:
    """Remove TWINE_USERNAME and TWINE_PASSWORD from `environ`, for child processes; return them."""
    return environ.pop("TWINE_USERNAME", None), environ.pop("TWINE_PASSWORD", None)


def find_credentials(
    repository: Repository, given: tuple[str | None, str | None], environ: Mapping[str, str]
) -> Credentials:
    """The first of: what was `given` in TWINE_*, the secret of PYPI_SECRET_ID, .pypirc, keyring.

    Raises UserError when there is none, or the one there is can't be right.
    """
    username, password = given
    secret_id = environ.get("PYPI_SECRET_ID")
    for name, value in (("TWINE_USERNAME", username), ("PYPI_SECRET_ID", secret_id)):
        if value is not None:
            _check_name(name, value)
    if password is not None:
        found = Credentials(_username(repository, username), password, "TWINE_PASSWORD")
    elif secret_id is not None:
        found = read_secret(secret_id)
    else:
        found = _from_files(repository, username)
    _check(found)
    return found


def _check_name(variable: str, value: str) -> None:
    """Refuse a name that looks like a token, and don't show it: names are printed."""
    if not value.strip():
        raise UserError(
            "empty-variable",
            f"{variable} is {value!r}",
            f"give it a value, or run `unset {variable}`",
        )
    _check_no_token(variable, value)
    if variable == "PYPI_SECRET_ID" and not _SECRET_ID.fullmatch(value):
        raise UserError(
            "secret-id",
            f"{variable} is not the name or the ARN of a secret; its value is not shown",
            "set it to the secret's name or ARN, not to the secret's content",
        )


def _check_no_token(name: str, value: str) -> None:
    if _TOKEN.search(value):
        raise UserError(
            "token-as-name",
            f"{name} has a value that looks like a token; it is not shown",
            "put the token in the password's place; revoke it if others could see it",
        )


def read_secret(secret_id: str) -> Credentials:
    """Read the secret of that name or ARN, in the environment's region.

    Raises UserError for each way in which it can be out of reach, or not what it should be.
    """
    try:
        client = boto3.Session().client("secretsmanager", config=_CONFIG)
        check_url(client.meta.endpoint_url, "AWS's endpoint", "log in to AWS instead")
        answer: Mapping[str, Any] = client.get_secret_value(SecretId=secret_id)
    except ClientError as error:
        raise refusal(secret_id, error) from None
    except BotoCoreError as error:
        raise _unreachable(secret_id, error) from None
    return _parse(secret_id, answer)


def _parse(secret_id: str, answer: Mapping[str, Any]) -> Credentials:
    """Read the secret's text; a decoder's own exceptions would carry it, so none gets out."""
    name = f"the secret {secret_id}"
    store = f"store {_SHAPE} as its text"
    if "SecretString" not in answer:
        raise UserError("secret-binary", f"{name} is binary", store)
    try:
        document = json.loads(answer["SecretString"])
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UserError("secret-not-json", f"{name} is not a JSON object", store)
    for key in ("username", "password"):
        if not isinstance(document.get(key), str):
            raise UserError(
                "secret-key", f"{name} has no {key}, or its {key} is not a string", store
            )
    return Credentials(document["username"], document["password"], name)


def refusal(secret_id: str, error: ClientError) -> UserError:
    """Return the error for the user that explains an error of Secrets Manager."""
    code = error.response.get("Error", {}).get("Code", "?")
    name = f"the secret {secret_id}"
    if code == "ResourceNotFoundException":
        return UserError(
            "secret-absent",
            f"{name} does not exist in this account and region, or has no value yet",
            "create it, or correct PYPI_SECRET_ID or AWS_DEFAULT_REGION",
        )
    if code in {"AccessDeniedException", "AccessDenied"}:
        return UserError(
            "secret-access",
            f"these AWS credentials can't read {name}",
            "run this under the publishing role, or give this role the right"
            " secretsmanager:GetSecretValue",
        )
    if code in {"DecryptionFailure", "DecryptionFailureException"}:
        return UserError(
            "secret-decryption",
            f"{name} can't be decrypted",
            "check that its KMS key is enabled, and that this role has the right kms:Decrypt on"
            " it",
        )
    if code == "InvalidRequestException":
        return UserError(
            "secret-deleted",
            f"{name} can't be read in its state; usually it is scheduled for deletion",
            f"run `aws secretsmanager restore-secret --secret-id {secret_id}`",
        )
    if code in {
        "ExpiredTokenException",
        "ExpiredToken",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
    }:
        return UserError(
            "aws-login", f"AWS does not accept these credentials ({code})", "log in to AWS again"
        )
    return UserError(
        "secret-refused",
        f"{name} can't be read: {error}",
        "look up AWS's message above, and AWS's status page",
    )


def _unreachable(secret_id: str, error: BotoCoreError) -> UserError:
    """Return the error for a request that got no answer."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return UserError(
            "aws-credentials",
            f"there are no AWS credentials to read the secret {secret_id}",
            "log in to AWS, or unset PYPI_SECRET_ID and use TWINE_USERNAME and TWINE_PASSWORD",
        )
    if isinstance(error, NoRegionError):
        return UserError(
            "aws-region",
            f"no AWS region is set, so the secret {secret_id} can't be read",
            "set AWS_DEFAULT_REGION",
        )
    return UserError(
        "aws-unreachable",
        f"Secrets Manager can't be reached for the secret {secret_id}: {error}",
        "check the network, the region and AWS_ENDPOINT_URL (if set)",
    )


def _username(repository: Repository, given: str | None) -> str:
    """Return the user name for TWINE_PASSWORD."""
    username = given or (TOKEN_USERNAME if repository.is_pypi else repository.username)
    if not username:
        raise UserError(
            "no-username", "TWINE_PASSWORD is set without TWINE_USERNAME", "set TWINE_USERNAME too"
        )
    return username


def _from_files(repository: Repository, given: str | None) -> Credentials:
    """From .pypirc or keyring, which twine would look up in the same way, and then ask for them."""
    username = given or (TOKEN_USERNAME if repository.is_pypi else repository.username)
    _check_no_token("the user name in .pypirc", username or "")
    if username and repository.password:
        return Credentials(username, repository.password, ".pypirc")
    found = _from_keyring(repository.upload_url, username)
    if found:
        return found
    raise UserError(
        "no-credentials",
        f"there is no password for {repository.upload_url}",
        "set TWINE_USERNAME and TWINE_PASSWORD, or PYPI_SECRET_ID (of a secret in Secrets Manager),"
        f" or store it with `keyring set {repository.upload_url} {username or 'USERNAME'}`",
    )


def _from_keyring(url: str, username: str | None) -> Credentials | None:
    """Return keyring's credentials for `url` and that user, or for any user."""
    password = None
    try:
        if username:
            password = keyring.get_password(url, username)
        elif stored := keyring.get_credential(url, None):
            username, password = stored.username, stored.password
    except NoKeyringError:
        return None
    except Exception as error:  # noqa: BLE001 - a backend may raise anything
        raise UserError(
            "keyring-failed",
            f"keyring can't give the password of {url}: {type(error).__name__}: {error}",
            "unlock the keyring, or set TWINE_USERNAME and TWINE_PASSWORD",
        ) from None
    return Credentials(username, password, "keyring") if username and password else None


def _check(credentials: Credentials) -> None:
    """Refuse credentials that no index can accept, and don't show them."""
    _check_no_token(f"the user name from {credentials.source}", credentials.username)
    for what, value in (("user name", credentials.username), ("password", credentials.password)):
        if not value.strip():
            raise UserError(
                "credentials-empty",
                f"the {what} from {credentials.source} is empty",
                "store a value there",
            )
        if value != value.strip():
            raise UserError(
                "credentials-whitespace",
                f"the {what} from {credentials.source} begins or ends with a space or a newline",
                "store it again with printf: echo adds a newline",
            )
        if not (value.isascii() and value.isprintable()):
            raise UserError(
                "credentials-characters",
                f"the {what} from {credentials.source} has characters that are not printable"
                " ASCII",
                "copy and store it again",
            )
    if credentials.username == TOKEN_USERNAME and not credentials.password.startswith("pypi-"):
        raise UserError(
            "not-a-token",
            f"the user name is {TOKEN_USERNAME}, but the password from {credentials.source} does"
            " not begin with pypi-, as API tokens do",
            "make an API token for this project on the index and store it",
        )
