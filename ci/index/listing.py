"""Read the files of a package index, and compare them with a release."""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from packaging.version import Version
from pypi_simple import NoSuchProjectError, PyPISimple, UnsupportedRepoVersionError

from ci.errors import UserError
from ci.index.redaction import Redactor
from ci.index.repository import READER
from ci.index.retry import PASSING_STATUSES, Transient, within
from ci.index.session import IndexSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests
    from pypi_simple import DistributionPackage

    from ci.distributions.manifest import Release
    from ci.index.repository import Repository
    from ci.index.retry import RetryPolicy

_FRESH = {"Cache-Control": "no-cache"}
_AS_IT_IS = {"Accept-Encoding": "identity"}  # its bytes are hashed
# Network, TLS and HTTP errors; pages that are no pages; JSON and HTML that exhaust their parsers.
_UNREADABLE = (OSError, ValueError, LookupError, RuntimeError, UnsupportedRepoVersionError)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PASSING_OF_A_FILE = PASSING_STATUSES | {403, 404}  # a mirror may list it before it has it
_LISTED = 10  # differences that are told; an index may name any number of files


@dataclass(frozen=True)
class Index:
    """A simple repository API (PEP 503, PEP 691) that can be asked about one version of a project.

    `say` is told of what takes long; `auth` is a user name and a password for reading; `ca_cert` is
    a file with the certificates to trust; `redactor` knows what the index's answers must not show.
    """

    url: str
    retry: RetryPolicy
    say: Callable[[str], None]
    auth: tuple[str, str] | None = field(default=None, repr=False)
    ca_cert: str | None = None
    redactor: Redactor = field(default_factory=Redactor, repr=False)

    def files(self, project: str, version: Version) -> dict[str, str]:
        """Return the files of that version, name -> sha256; empty if there are none.

        Raises UserError when the index can't be read, after trying as often as retry has it.
        """
        return self._patiently(self.look, project, version)

    def _patiently[**P, T](self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self.retry.retrying(self.say)(ask, *args, **kwargs)
        except Transient as error:
            raise UserError(
                "index-unreachable",
                f"the index {self.url} can't be read: {error}",
                "check the URL and that the server runs, then run this again",
            ) from None

    def versions(self, project: str) -> set[Version]:
        """Return all versions that have a file on the index, yanked ones too.

        Raises UserError when the index can't be read, after trying as often as retry has it.
        """
        packages = self._patiently(self._packages, project)
        return {version for version in map(_version, packages) if version}

    def newest(self, project: str) -> Version | None:
        """Return the highest version that is not yanked; a pre-release only if there is no other.

        Raises UserError when the index can't be read, after trying as often as retry has it.
        """
        packages = self._patiently(self._packages, project)
        found = (_version(package) for package in packages if not package.is_yanked)
        versions = [version for version in found if version]
        finals = [version for version in versions if not version.is_prerelease]
        return max(finals or versions, default=None)

    def look(self, project: str, version: Version) -> dict[str, str]:
        """Return the same as `files`, but try once, and raise Transient if a retry can help."""
        return self._hashes(project, version, _listed_sha256)

    def served(self, project: str, version: Version) -> dict[str, str]:
        """Return the same as `look`, but download every file and compute its hash."""
        return self._hashes(project, version, lambda _: None)

    def answers(self) -> bool:
        """Return whether there is an index at this URL (from its page of projects)."""
        with self._reading(self.url), self._client() as client:
            answer = self._in_time(
                partial(
                    client.s.get,
                    client.endpoint,
                    headers={"Accept": client.accept},
                    stream=True,
                    timeout=self.retry.request_timeout,
                )
            )
            with answer:
                if answer.status_code in {404, 405}:
                    return False
                answer.raise_for_status()
                kind = answer.headers.get("Content-Type", "")
                return kind.startswith(("application/vnd.pypi.simple.v1", "text/html"))

    def _hashes(
        self, project: str, version: Version, known: Callable[[DistributionPackage], str | None]
    ) -> dict[str, str]:
        """The sha256 of each file, as `known`, else by downloading it."""
        found: dict[str, str] = {}
        with self._client() as client:
            for package in self._packages(project, client):
                if _is(package, version):
                    name, digest = package.filename, known(package) or self._sha256(client, package)
                    # A name that stands there twice is believed only if both say the same.
                    same = found.get(name, digest) == digest
                    found[name] = digest if same else f"{found[name]} and {digest}"
        return found

    def _client(self) -> PyPISimple:
        session = IndexSession(self.url, self.auth, self.redactor.quote, self.ca_cert)
        return PyPISimple(self.url, session=session)

    def _packages(self, project: str, reuse: PyPISimple | None = None) -> list[DistributionPackage]:
        """All files of the project; none if the index does not know it."""
        with reuse or self._client() as client, self._reading(self.url):
            try:
                return self._in_time(
                    partial(
                        client.get_project_page,
                        project,
                        timeout=self.retry.request_timeout,
                        headers=_FRESH,
                    )
                ).packages
            except NoSuchProjectError:
                return []

    def _sha256(self, client: PyPISimple, package: DistributionPackage) -> str:
        with self._reading(self.redactor.quote(package.url), passing=_PASSING_OF_A_FILE):
            return self._in_time(partial(self._download, client, package.url))

    def _download(self, client: PyPISimple, url: str) -> str:
        digest = hashlib.sha256()
        end = time.monotonic() + self.retry.upload_timeout
        answer = client.s.get(
            url, headers=_AS_IT_IS, stream=True, timeout=self.retry.request_timeout
        )
        with answer:
            answer.raise_for_status()
            for chunk in answer.iter_content(1 << 16):
                digest.update(chunk)
                if time.monotonic() > end:  # or a thread that was left behind would go on
                    raise Transient("too slow a download")
        return digest.hexdigest()

    def _in_time[T](self, ask: Callable[[], T]) -> T:
        return within(self.retry.upload_timeout, ask)

    @contextmanager
    def _reading(self, shown: str, *, passing: frozenset[int] = PASSING_STATUSES) -> Iterator[None]:
        """Turn a URL's errors into Transient (a retry can help) or UserError."""
        try:
            yield
        except Transient as error:
            raise Transient(f"{shown}: {error}") from None
        except _UNREADABLE as error:
            response: requests.Response | None = getattr(error, "response", None)
            if response is not None:
                raise self._refusal(response, shown, passing) from None
            raise Transient(f"{shown}: {self.redactor.quote(_root(error))}") from None

    def _refusal(
        self, response: requests.Response, shown: str, passing: frozenset[int]
    ) -> UserError | Transient:
        status = response.status_code
        found = f"{shown} answers {status} {self.redactor.quote(response.reason or '')}"
        if status in passing:
            after = response.headers.get("Retry-After", "")
            return Transient(found, float(after) if after.isdecimal() else 0)
        if status in {401, 403}:
            return UserError("index-access", found, f"if the index needs a password, {READER}")
        return UserError(
            "index-refuses", found, "give the URL of a simple index; check --index-url and UV_INDEX"
        )


def find_index(
    repository: Repository,
    retry: RetryPolicy,
    say: Callable[[str], None],
    redactor: Redactor | None = None,
) -> Index:
    """Return the simple index of `repository`: the only possible one, or the first to answer.

    Raises UserError when none does. The credentials for reading it are hidden by `redactor`.
    """
    redactor = redactor or Redactor()
    indexes = []
    for url in repository.index_urls:
        auth = repository.index_auth.get(url)
        if auth:
            redactor.hide(*auth)
            if not auth[1]:  # the user name is the token then
                redactor.hide("", auth[0])
        indexes.append(Index(url, retry, say, auth, repository.ca_cert, redactor))
    if len(indexes) == 1:
        return indexes[0]
    reasons = []
    for index in indexes:
        try:
            if retry.retrying(say)(index.answers):
                return index
            reasons.append(f"{index.url} is none")
        except UserError as error:
            reasons.append(error.found)
        except Transient as error:
            reasons.append(str(error))
    raise UserError(
        "no-index",
        f"the simple index of {repository.upload_url} is not known ({'; '.join(reasons)})",
        "give its URL with --index-url, or in UV_INDEX",
    )


def missing_files(release: Release, found: dict[str, str], index: Index) -> list[str]:
    """Return the files of `release` that the index lacks.

    Raises UserError when a file there has other bytes, or is none of this release.
    """
    wrong = [
        (
            f"{name} has sha256 {digest} there, {release.files[name]} here"
            if name in release.files
            else f"{index.redactor.quote(name)} is there and not here"
        )
        for name, digest in found.items()
        if release.files.get(name) != digest
    ]
    if wrong:
        more = [f"and {len(wrong) - _LISTED} more"] if len(wrong) > _LISTED else []
        raise UserError(
            "index-differs",
            f"{index.url} already has a different {release.name} {release.version}:"
            f" {'; '.join(wrong[:_LISTED] + more)}",
            "published files can't be replaced: release these under a new version, or publish"
            " the files that were built first",
        )
    return [name for name in release.files if name not in found]


def wait_for_files(index: Index, release: Release) -> list[str]:
    """Wait until the index shows all files of `release`; return those still missing at the end.

    Raises UserError as `missing_files` does.
    """
    start = time.monotonic()
    pause = index.retry.pause
    while True:
        try:
            missing = missing_files(release, index.look(release.name, release.version), index)
            reason = f"{index.url} does not show {' and '.join(missing)} yet"
        except Transient as error:
            missing, reason = list(release.files), str(error)
        waited = time.monotonic() - start
        if not missing or waited + pause > index.retry.wait:
            return missing
        index.say(f"{reason} (waited {waited:.0f} of {index.retry.wait:.0f} s)")
        time.sleep(pause)
        pause = min(pause * 1.5, 30)


def _is(package: DistributionPackage, version: Version) -> bool:
    return _version(package) == version


def _version(package: DistributionPackage) -> Version | None:
    try:
        return Version(package.version or "")
    except ValueError:  # no version, or one of more digits than int() takes
        return None


def _listed_sha256(package: DistributionPackage) -> str | None:
    """The sha256 that the index's page names, if it names one."""
    digest = package.digests.get("sha256", "")
    return digest if _SHA256.fullmatch(digest) else None


def _root(error: BaseException) -> str:
    """Return the first cause of an HTTP library's nested exceptions."""
    while below := error.__cause__ or (not error.__suppress_context__ and error.__context__):
        error = below
    return f"{type(error).__name__}: {error}"
