"""Where a release goes and where it can be seen: an upload URL and a simple index.

Twine resolves the first (names, .pypirc, TWINE_REPOSITORY and TWINE_REPOSITORY_URL mean what they
mean to twine). For the second there is no standard: PyPI and TestPyPI are known, any other is told
by --index-url or UV_INDEX, or tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from pypi_simple import PYPI_SIMPLE_ENDPOINT
from twine.exceptions import TwineException
from twine.utils import (
    DEFAULT_CONFIG_FILE,
    DEFAULT_REPOSITORY,
    TEST_REPOSITORY,
    get_repository_from_config,
)

from ci.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_KNOWN = {
    urlsplit(DEFAULT_REPOSITORY).netloc: PYPI_SIMPLE_ENDPOINT,
    urlsplit(TEST_REPOSITORY).netloc: urljoin(TEST_REPOSITORY, "/simple/"),
}


@dataclass(frozen=True)
class Repository:
    """What is known of a repository before anyone has asked it anything.

    `index_urls` are the places where its simple index may be, the first that answers is it;
    `ca_cert` and `client_cert` are files; `username` and `password` are those of .pypirc.
    """

    upload_url: str
    index_urls: tuple[str, ...] = field(repr=False)
    ca_cert: str | None = None
    client_cert: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_pypi(self) -> bool:
        """Whether it is PyPI or TestPyPI, which take API tokens alone."""
        return urlsplit(self.upload_url).netloc in _KNOWN


def add_repository_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a command's user choose the repository."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--repository", metavar="NAME", help="pypi, testpypi, or a section of .pypirc"
    )
    where.add_argument("--repository-url", metavar="URL", help="where to upload to")
    parser.add_argument(
        "--index-url", metavar="URL", help="the simple index that shows what was uploaded there"
    )


def read_repository(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Repository:
    """The repository that arguments name, else the environment, else PyPI.

    Raises UserError for an unknown name, a URL that is none, and a password in a URL.
    """
    for option in ("repository", "repository_url", "index_url"):
        value = getattr(arguments, option)
        if value is not None and not value.strip():
            raise UserError(
                "empty-option",
                f"--{option.replace('_', '-')} is {value!r}",
                "give it a value, or leave it out: then it is PyPI",
            )
    named: str | None = arguments.repository
    url = arguments.repository_url or (None if named else environ.get("TWINE_REPOSITORY_URL"))
    name = named or environ.get("TWINE_REPOSITORY") or "pypi"
    if url and "@" in urlsplit(url).netloc:
        raise UserError(
            "url-with-password",
            "the repository's URL holds a user name or a password, which the process list shows",
            "take it out; use TWINE_USERNAME and TWINE_PASSWORD",
        )
    try:
        config = get_repository_from_config(DEFAULT_CONFIG_FILE, name, url)
        upload_url = str(config["repository"])
    except KeyError:
        raise UserError(
            "no-repository-url",
            f"the section {name} of {DEFAULT_CONFIG_FILE} names no repository",
            "add a line `repository = <URL>` to it",
        ) from None
    except TwineException as error:
        raise UserError(
            "no-repository",
            " ".join(str(error).split()),
            "use pypi, testpypi, a section of .pypirc, or --repository-url with an http(s) URL",
        ) from None
    return Repository(
        upload_url=upload_url,
        index_urls=_index_urls(None if url else name, upload_url, arguments.index_url, environ),
        ca_cert=config.get("ca_cert") or environ.get("TWINE_CERT") or None,
        client_cert=config.get("client_cert"),
        username=config.get("username"),
        password=config.get("password"),
    )


def without_userinfo(url: str) -> tuple[str, tuple[str, str] | None]:
    """A URL that can be shown, and the user name and password that it held."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return shown, (unquote(parts.username or ""), unquote(parts.password or ""))


def uv_indexes(environ: Mapping[str, str]) -> list[tuple[str | None, str]]:
    """The entries of UV_INDEX, each `URL` or `name=URL`, as name and URL."""
    return [_named_url(entry) for entry in environ.get("UV_INDEX", "").split()]


def _index_urls(
    name: str | None, upload_url: str, index_url: str | None, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Where the index may be, best guess first; a guess is made only where nothing is said.

    UV_DEFAULT_INDEX is not asked: it is often a mirror, which shows what PyPI had a while ago.
    """
    host = urlsplit(upload_url).netloc
    if index_url:
        return (index_url,)
    if host in _KNOWN:
        return (_KNOWN[host],)
    said = uv_indexes(environ)
    same_name = [url for label, url in said if label and label == name]
    same_host = [url for _, url in said if urlsplit(without_userinfo(url)[0]).netloc == host]
    if same_name or same_host or len(said) == 1:
        return ((same_name or same_host or [said[0][1]])[0],)
    base = upload_url.rstrip("/")
    return (f"{base}/+simple/", f"{base}/simple/", urljoin(f"{base}/", "../simple/"))


def _named_url(entry: str) -> tuple[str | None, str]:
    label, separator, url = entry.partition("=")
    return (label, url) if separator and "/" not in label else (None, entry)
