"""Check the URL of an index: HTTPS, or plain HTTP on this machine, and no credential."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ci.errors import UserError

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Where credentials may go: RFC 6454's scheme, host and port."""

    scheme: str
    host: str
    port: int


def check_url(url: str, source: str, instead: str) -> str:
    """Return `url` if requests may go there with credentials; `source` says where it comes from.

    Raises UserError for a URL that is malformed, is plain HTTP to another machine, or holds a
    credential: `instead` says where that belongs. What may hold a password is not shown.
    """
    parts = _split(url, source)
    if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:
        raise _malformed(source)
    check_no_credentials(url, source, instead)
    check_encrypted(url, url)
    return url


def check_no_credentials(url: str, source: str, instead: str) -> None:
    """Raise UserError for a URL with a user name, a password or a query, which is not shown."""
    parts = _split(url, source)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UserError(
            "url-with-password",
            f"the URL from {source} contains a user name, a password or a query; it is not shown",
            f"remove this from the URL; {instead}",
        )


def check_encrypted(url: str, shown: str) -> None:
    """Raise UserError, which names `shown`, for a URL that is plain HTTP to another machine."""
    if origin(url).scheme != "https" and not is_loopback(url):
        raise UserError(
            "url-not-encrypted",
            f"{shown} is not HTTPS: others on the network can read and change the data",
            "use https://; plain http:// is only for this machine (localhost, 127.0.0.1, [::1])",
        )


def is_loopback(url: str) -> bool:
    """Return whether a URL points to this machine."""
    host = origin(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> Origin:
    """Return the origin of a URL that was checked."""
    parts = urlsplit(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))


def _split(url: str, source: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # brackets that don't match, or a port that is none
        raise _malformed(source) from None
    if not url.isprintable() or " " in url or "\\" in url:  # programs disagree on what these mean
        raise _malformed(source)
    return parts


def _malformed(source: str) -> UserError:
    return UserError(
        "url-malformed",
        f"the URL from {source} is malformed; it is not shown, because it may contain a password",
        'write a URL such as "https://HOST/PATH/"',
    )
