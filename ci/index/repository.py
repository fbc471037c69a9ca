"""Find the upload URL and the simple index of a release.

Twine resolves the first (names, .pypirc, TWINE_REPOSITORY and TWINE_REPOSITORY_URL mean what they
mean to twine). For the second there is no standard: PyPI and TestPyPI are known, any other is told
by --index-url or UV_INDEX, or tried.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

from pypi_simple import PYPI_SIMPLE_ENDPOINT
from requests.utils import get_netrc_auth
from twine.exceptions import TwineException
from twine.utils import (
    DEFAULT_CONFIG_FILE,
    DEFAULT_REPOSITORY,
    TEST_REPOSITORY,
    get_repository_from_config,
)

from ci.errors import UserError
from ci.index.urls import check_no_credentials, check_url, is_loopback

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_KNOWN = {
    urlsplit(DEFAULT_REPOSITORY).netloc: PYPI_SIMPLE_ENDPOINT,
    urlsplit(TEST_REPOSITORY).netloc: urljoin(TEST_REPOSITORY, "/simple/"),
}
UPLOADER = "use TWINE_USERNAME and TWINE_PASSWORD, or keyring"
READER = (
    "use .netrc, or name the index (UV_INDEX=NAME=URL) and set UV_INDEX_<NAME>_USERNAME and"
    " UV_INDEX_<NAME>_PASSWORD"
)


@dataclass(frozen=True)
class Repository:
    """A repository, as arguments and files describe it, before any request.

    `index_urls` are the places where its simple index may be, the first that answers is it, and
    `index_auth` has the user name and password for reading those that are known to need them;
    `ca_cert` and `client_cert` are files; `username` and `password` are those of .pypirc.
    """

    upload_url: str
    index_urls: tuple[str, ...]
    index_auth: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    ca_cert: str | None = None
    client_cert: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_pypi(self) -> bool:
        """Return whether it is PyPI or TestPyPI, which accept only API tokens."""
        return urlsplit(self.upload_url).netloc in _KNOWN

    @property
    def is_local(self) -> bool:
        """Return whether it is on this machine, so that nobody else can see it."""
        return is_loopback(self.upload_url)


class NamedIndex(NamedTuple):
    """An entry of UV_INDEX: `name=URL`, or the URL alone."""

    name: str | None
    url: str


def add_repository_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the repository."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--repository", metavar="NAME", help="pypi, testpypi, or a section of .pypirc"
    )
    where.add_argument("--repository-url", metavar="URL", help="the URL to upload to")
    parser.add_argument(
        "--index-url", metavar="URL", help="the URL of the simple index that shows the uploads"
    )


def read_repository(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Repository:
    """Return the repository from the arguments, else from the environment, else PyPI.

    Raises UserError for an unknown name, for an empty value (which would mean PyPI), and for a URL
    that is malformed, not encrypted, or holds a password.
    """
    name = _given("--repository", arguments.repository)
    url = _given("--repository-url", arguments.repository_url)
    index_url = _given("--index-url", arguments.index_url)
    source = "--repository-url"
    if not (name or url):
        source = "TWINE_REPOSITORY_URL"
        url = _given(source, environ.get(source))
        name = _given("TWINE_REPOSITORY", environ.get("TWINE_REPOSITORY"))
    if url:
        check_url(url, source, UPLOADER)
    name = name or "pypi"
    config = _config(name, url)
    section = f"the section {name} of {DEFAULT_CONFIG_FILE}"
    upload_url = check_url(config["repository"] or "", section, UPLOADER)
    if index_url:
        check_url(index_url, "--index-url", READER)
    named = None if url else name
    index_urls = (index_url,) if index_url else _index_urls(named, upload_url, environ)
    found = {place: index_credentials(place, environ) for place in index_urls}
    return Repository(
        upload_url=upload_url,
        index_urls=index_urls,
        index_auth={place: auth for place, auth in found.items() if auth},
        ca_cert=config.get("ca_cert") or environ.get("TWINE_CERT") or None,
        client_cert=config.get("client_cert"),
        username=config.get("username"),
        password=config.get("password"),
    )


def _given(source: str, value: str | None) -> str | None:
    """Return `value`; refuse an empty one, because it would mean PyPI."""
    if value is not None and not value.strip():
        raise UserError(
            "empty-option",
            f"{source} is {value!r}",
            "give it a value, or leave it out; without it, the repository is PyPI",
        )
    return value


def _config(name: str, url: str | None) -> dict[str, str | None]:
    """Return twine's settings of the repository. Errors never show the text of .pypirc."""
    try:
        config = get_repository_from_config(DEFAULT_CONFIG_FILE, name, url)
    except KeyError:
        raise UserError(
            "no-repository-url",
            f"the section {name} of {DEFAULT_CONFIG_FILE} has no repository",
            "add a line `repository = <URL>` to it",
        ) from None
    except TwineException as error:
        raise UserError(
            "no-repository",
            " ".join(str(error).split()),
            "use pypi, testpypi, a section of .pypirc, or --repository-url with an http(s) URL",
        ) from None
    return config


def uv_indexes(environ: Mapping[str, str]) -> list[NamedIndex]:
    """The entries of UV_INDEX. Raises UserError for a URL that holds a credential."""
    indexes = [named_index(entry) for entry in environ.get("UV_INDEX", "").split()]
    for index in indexes:
        check_no_credentials(index.url, "UV_INDEX", READER)
    return indexes


def index_credentials(url: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """User name and password for reading the index at `url`, from the places that uv knows too.

    These are UV_INDEX_<NAME>_USERNAME and _PASSWORD of an entry of UV_INDEX, then .netrc.
    """
    for index in uv_indexes(environ):
        if index.name and same_url(index.url, url):
            username, password = (
                environ.get(name, "") for name in credential_variables(index.name)
            )
            if username or password:
                return username, password
    return get_netrc_auth(url)


def credential_variables(name: str) -> tuple[str, str]:
    """The variables with the user name and the password of a named index, as uv spells them."""
    prefix = "UV_INDEX_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    return f"{prefix}_USERNAME", f"{prefix}_PASSWORD"


def same_url(one: str, other: str) -> bool:
    """Whether two URLs name the same index."""
    return one.rstrip("/") == other.rstrip("/")


def _index_urls(name: str | None, upload_url: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the possible URLs of the index, best first; guess only if nothing names it.

    UV_DEFAULT_INDEX is not asked: it is often a mirror, which shows what PyPI had a while ago.
    """
    host = urlsplit(upload_url).netloc
    if host in _KNOWN:
        return (_KNOWN[host],)
    said = uv_indexes(environ)
    same_name = [url for label, url in said if label and label == name]
    same_host = [url for _, url in said if urlsplit(url).netloc == host]
    if same_name or same_host or len(said) == 1:
        url = (same_name or same_host or [said[0].url])[0]
        return (check_url(url, "UV_INDEX", READER),)
    base = upload_url.rstrip("/")
    return (f"{base}/+simple/", f"{base}/simple/", urljoin(f"{base}/", "../simple/"))


def named_index(entry: str) -> NamedIndex:
    """Read `name=URL` or `URL`."""
    name, separator, url = entry.partition("=")
    return NamedIndex(name, url) if separator and "/" not in name else NamedIndex(None, entry)
