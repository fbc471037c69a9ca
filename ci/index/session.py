"""HTTP requests to an index: its credentials go to its own origin and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from requests.auth import HTTPBasicAuth

from ci.index.urls import check_encrypted, origin

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 100_000_000  # bytes of a page, unpacked


class IndexSession(requests.Session):
    """A session for the index at `url`.

    requests itself gives a session's credentials to every host that it is sent to, and .netrc's to
    any host in it. Here each request, redirected or not, has those of `auth` if it goes to the
    index's origin, and none otherwise. `quote` makes what an index says fit to be shown.
    """

    def __init__(
        self,
        url: str,
        auth: tuple[str, str] | None,
        quote: Callable[[str], str],
        ca_cert: str | None,
    ) -> None:
        """Make a session that trusts the certificates of the file `ca_cert`, if one is given."""
        super().__init__()
        self._ca_cert = str(Path(ca_cert).expanduser()) if ca_cert else None
        self._origin = origin(url)
        self._auth = HTTPBasicAuth(*auth) if auth else None
        self._quote = quote
        self.hooks["response"].append(_read)

    def send(
        self,
        request: requests.PreparedRequest,
        **kwargs: Any,  # noqa: ANN401 - as requests has it
    ) -> requests.Response:
        """Send one request; requests comes by here for every redirect, too.

        Raises UserError for plain HTTP to another machine.
        """
        url = request.url or ""
        check_encrypted(url, self._quote(url))
        request.headers.pop("Authorization", None)
        if self._ca_cert:  # or requests would prefer REQUESTS_CA_BUNDLE
            kwargs["verify"] = self._ca_cert
        if self._auth and origin(url) == self._origin:
            self._auth(request)
        return super().send(request, **kwargs)


def _read(
    response: requests.Response,
    *,
    stream: bool = False,
    **_: Any,  # noqa: ANN401 - as requests has it
) -> None:
    """Read a page or a redirect, as requests would do next, but not without end.

    Raises OSError for one that is too long.
    """
    if stream and not response.is_redirect:
        return  # a download, whose reader counts
    content = bytearray()
    for chunk in response.iter_content(1 << 16):
        content += chunk
        if len(content) > _LONGEST:
            response.close()
            raise OSError(f"the answer has more than {_LONGEST:,} bytes")
    response._content = bytes(content)  # noqa: SLF001 - there is no other way
