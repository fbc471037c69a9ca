"""HTTP requests to an index: its credentials go to its own origin and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from requests.auth import HTTPBasicAuth

from ci.index.urls import check_encrypted, origin

if TYPE_CHECKING:
    from collections.abc import Callable


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
        self._ca_cert = ca_cert
        self._origin = origin(url)
        self._auth = HTTPBasicAuth(*auth) if auth else None
        self._quote = quote

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
