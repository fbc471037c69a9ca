"""What a package index already has, and whether that is what it should have."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from packaging.version import InvalidVersion, Version
from pypi_simple import NoSuchProjectError, PyPISimple, UnsupportedRepoVersionError

from ci.distributions.manifest import file_sha256
from ci.errors import UserError
from ci.index.repository import without_userinfo
from ci.index.retry import PASSING_STATUSES, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests
    from pypi_simple import DistributionPackage, ProjectPage

    from ci.distributions.manifest import Release
    from ci.index.repository import Repository
    from ci.index.retry import RetryPolicy

_FRESH = {"Cache-Control": "no-cache"}


@dataclass(frozen=True)
class Index:
    """A simple repository API (PEP 503, PEP 691) that can be asked about one version of a project.

    `ca_cert` is a file with the certificates to trust; `say` is told of what takes long.
    """

    url: str
    retry: RetryPolicy
    say: Callable[[str], None]
    auth: tuple[str, str] | None = field(default=None, repr=False)
    ca_cert: str | None = None

    @property
    def url_with_auth(self) -> str:
        """The URL as installers take it; for their environment, never for a command line."""
        if not self.auth:
            return self.url
        user, password = (quote(part, safe="") for part in self.auth)
        return self.url.replace("://", f"://{user}:{password}@", 1)

    def files(self, project: str, version: Version) -> dict[str, str]:
        """The files of that version, name -> sha256; empty if the index knows none.

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
                "see that the URL is right and the server up, then run this again",
            ) from None

    def versions(self, project: str) -> set[Version]:
        """All versions of which the index has a file, yanked ones too.

        Raises UserError when the index can't be read, after trying as often as retry has it.
        """
        packages = self._patiently(self._packages, project)
        return {version for version in map(_version, packages) if version}

    def newest(self, project: str) -> Version | None:
        """The highest version that is not yanked; a pre-release only if there is nothing else.

        Raises UserError when the index can't be read, after trying as often as retry has it.
        """
        packages = self._patiently(self._packages, project)
        found = (_version(package) for package in packages if not package.is_yanked)
        versions = [version for version in found if version]
        finals = [version for version in versions if not version.is_prerelease]
        return max(finals or versions, default=None)

    def look(self, project: str, version: Version) -> dict[str, str]:
        """Like `files`, but tries once, and raises Transient for what may pass."""
        return self._hash(project, version, lambda package: package.digests.get("sha256"))

    def served(self, project: str, version: Version) -> dict[str, str]:
        """Like `look`, but hashes the bytes that the index serves instead of believing its page."""
        return self._hash(project, version, lambda _: None)

    def _packages(self, project: str) -> list[DistributionPackage]:
        """All files of the project; none if the index does not know it."""
        with self._client() as client:
            page = self._page(client, project)
        return page.packages if page else []

    def answers(self) -> bool:
        """Whether an index is there at all (its page of projects, of which no more is read)."""
        with _reading(self.url), self._client() as client:
            answer = client.s.get(
                client.endpoint,
                headers={"Accept": client.accept},
                stream=True,
                timeout=self.retry.request_timeout,
            )
            with answer:
                if answer.status_code in {404, 405}:
                    return False
                answer.raise_for_status()
                kind = answer.headers.get("Content-Type", "")
                return kind.startswith(("application/vnd.pypi.simple.v1", "text/html"))

    def _hash(
        self, project: str, version: Version, known: Callable[[DistributionPackage], str | None]
    ) -> dict[str, str]:
        """The sha256 of each file, as `known`, else by downloading it."""
        with self._client() as client:
            page = self._page(client, project)
            packages = (
                [package for package in page.packages if _is(package, version)] if page else []
            )
            return {
                package.filename: known(package) or self._sha256(client, package)
                for package in packages
            }

    def _client(self) -> PyPISimple:
        client = PyPISimple(self.url, auth=self.auth)
        if self.ca_cert:
            client.s.verify = self.ca_cert
        return client

    def _page(self, client: PyPISimple, project: str) -> ProjectPage | None:
        with _reading(self.url):
            try:
                return client.get_project_page(
                    project, timeout=self.retry.request_timeout, headers=_FRESH
                )
            except NoSuchProjectError:
                return None

    def _sha256(self, client: PyPISimple, package: DistributionPackage) -> str:
        with _reading(package.url), tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            client.download_package(package, path, verify=False, timeout=self.retry.request_timeout)
            return file_sha256(path)


def find_index(repository: Repository, retry: RetryPolicy, say: Callable[[str], None]) -> Index:
    """The simple index of `repository`: the only one there can be, else the first that answers.

    Raises UserError when none does.
    """
    indexes = [
        Index(url, retry, say, auth, repository.ca_cert)
        for url, auth in map(without_userinfo, repository.index_urls)
    ]
    if len(indexes) == 1:
        return indexes[0]
    reasons = []
    for index in indexes:
        try:
            if retry.retrying(say)(index.answers):
                return index
            reasons.append(f"{index.url} is none")
        except (UserError, Transient) as error:
            reasons.append(f"{index.url}: {error}")
    raise UserError(
        "no-index",
        f"no simple index is known for {repository.upload_url} ({'; '.join(reasons)})",
        "name it with --index-url, or in UV_INDEX",
    )


def missing_files(release: Release, found: dict[str, str], where: str) -> list[str]:
    """The files of `release` that are not among those `found` on the index at `where`.

    Raises UserError when a file there has other bytes, or is none of this release.
    """
    wrong = [
        (
            f"{name} has sha256 {digest} there, {release.files[name]} here"
            if name in release.files
            else f"{name} is there and not here"
        )
        for name, digest in found.items()
        if release.files.get(name) != digest
    ]
    if wrong:
        raise UserError(
            "index-differs",
            f"{where} has another {release.name} {release.version}: {'; '.join(wrong)}",
            "what is published can't be replaced: release these files under a new version, or"
            " publish the very files that were built first",
        )
    return [name for name in release.files if name not in found]


def wait_for_files(index: Index, release: Release) -> list[str]:
    """Wait until the index shows all files of `release`; what is still missing when retry ends.

    Raises UserError as `missing_files` does.
    """
    start = time.monotonic()
    pause = index.retry.pause
    while True:
        try:
            missing = missing_files(release, index.look(release.name, release.version), index.url)
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
    except InvalidVersion:
        return None


@contextmanager
def _reading(url: str) -> Iterator[None]:
    """Sort what goes wrong while reading `url` into what may pass and what the user must mend."""
    try:
        yield
    except (OSError, ValueError, UnsupportedRepoVersionError) as error:
        response: requests.Response | None = getattr(error, "response", None)
        if response is not None:
            raise _refusal(response, url) from None
        raise Transient(f"{url}: {_root(error)}") from None


def _refusal(response: requests.Response, url: str) -> UserError | Transient:
    found = f"{url} answers {response.status_code} {response.reason}"
    if response.status_code in PASSING_STATUSES:
        after = response.headers.get("Retry-After", "")
        return Transient(found, float(after) if after.isdecimal() else 0)
    if response.status_code in {401, 403}:
        return UserError(
            "index-access",
            found,
            "put the user name and password for reading into its URL in UV_INDEX, or into .netrc",
        )
    return UserError("index-refuses", found, "see that this is the URL of a simple index")


def _root(error: BaseException) -> str:
    """What lies at the bottom of the pile of exceptions that HTTP libraries make of one."""
    while error.__context__:
        error = error.__context__
    return f"{type(error).__name__}: {error}"
