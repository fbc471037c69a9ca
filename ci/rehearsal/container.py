"""The environment of a build: its own variables, and nothing of the user's.

A build gets nothing of the user's environment but what the laptop needs to reach its package index:
no credentials, no settings of tools.
"""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.rehearsal.processes import Processes

# How a laptop reaches its package index and advisories. Names that begin so may go into a build.
_REACH = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST"),
    *("PIP_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_CACHE_DIR"),
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_CONFIG_FILE", "UV_HTTP_TIMEOUT"),
    *("UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE", "UV_CACHE_DIR"),
    *("UV_PYTHON_DOWNLOADS", "UV_PYTHON_INSTALL_MIRROR"),
    *("AUDIT_URL", "JSII_RUNTIME_PACKAGE_CACHE"),
)


@dataclass(frozen=True, kw_only=True)
class Container:
    """Where a build runs.

    `environment` is all of it, HOME included. What the build made is copied to `uploads`. `cache`
    is the folder in which the project keeps its cache, None for a project without one. `timeout` is
    in seconds, for the whole build.
    """

    source: Path
    environment: Mapping[str, str]
    uploads: Path
    processes: Processes
    cache: Path | None = None
    timeout: float = 3600


def spare_loopback() -> None:
    """Have this process and its builds reach loopback, where the servers are, without a proxy."""
    hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if not {"*", "127.0.0.1"} & set(hosts.split(",")):
        hosts = f"{hosts},127.0.0.1".removeprefix(",")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = hosts


def reach() -> dict[str, str]:
    """What a build on this laptop needs to reach a package index; caches are the laptop's own."""
    home = Path.home()
    caches = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    defaults = {
        "UV_CACHE_DIR": str(caches / "uv"),
        "PIP_CACHE_DIR": str(caches / "pip"),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(caches / "aws/jsii/package-cache"),
        "LANG": "C.UTF-8",
    }
    for tool in ("pip/pip.conf", "uv/uv.toml"):
        config = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"), tool)
        if config.exists():
            defaults[f"{config.parent.name.upper()}_CONFIG_FILE"] = str(config)
    found = {name: value for name, value in os.environ.items() if name.startswith(_REACH)}
    return {**defaults, **found}


def own_variables(
    project: Mapping[str, Any], region: str, source: Path, inputs: Mapping[str, Path]
) -> dict[str, str]:
    """What CodeBuild sets ("Environment variables in build environments").

    `source` is the folder of the primary source, `inputs` are those of the others by their
    artifact's name.
    """
    return {
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "CODEBUILD_BUILD_ID": f"{project['Name']}:{uuid.uuid4()}",
        "CODEBUILD_BUILD_IMAGE": project["Environment"]["Image"],
        "CODEBUILD_CI": "true",
        "CODEBUILD_SRC_DIR": str(source),
        "CODEBUILD_START_TIME": str(int(time.time() * 1000)),
        **{f"CODEBUILD_SRC_DIR_{name}": str(folder) for name, folder in inputs.items()},
    }


def make_home(folder: Path, repository: Path, *, credential_helper: bool) -> None:
    """Make what stands in for /root; without the credential helper, git can't fetch there.

    CodeBuild has already cloned, with credentials that later commands don't have
    [buildspec: env/git-credential-helper].
    """
    folder.mkdir()
    if not credential_helper:
        away = folder / "no-git-credential-helper"
        text = f'[url "{away}"]\n\tinsteadOf = {repository}\n'
        (folder / ".gitconfig").write_text(text, encoding="utf-8")
