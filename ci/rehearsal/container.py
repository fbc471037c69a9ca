"""What a build finds around it: the image's Python, its variables, and nothing of the user's.

A build gets nothing of the user's environment but what the laptop needs to reach its package index
and its Pythons: no credentials, no settings of tools.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.rehearsal.account import Account

# How a laptop reaches its package index. Names that begin so may go into a build.
_REACH = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST"),
    *("PIP_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_CACHE_DIR"),
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_CONFIG_FILE", "UV_HTTP_TIMEOUT"),
    *("UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE", "UV_CACHE_DIR"),
    *("UV_PYTHON_DOWNLOADS", "UV_PYTHON_INSTALL_DIR", "UV_PYTHON_INSTALL_MIRROR"),
    *("PATH", "PYENV_ROOT", "TMPDIR", "JSII_RUNTIME_PACKAGE_CACHE"),
)


def laptop() -> dict[str, str]:
    """What a build on this laptop needs; caches and Pythons are the laptop's own."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME", home / ".local/share"))
    caches = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    defaults = {
        "UV_CACHE_DIR": str(caches / "uv"),
        "UV_PYTHON_INSTALL_DIR": str(data / "uv/python"),
        "PIP_CACHE_DIR": str(caches / "pip"),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(caches / "aws/jsii/package-cache"),
        "LANG": "C.UTF-8",
    }
    for tool in ("pip/pip.conf", "uv/uv.toml"):
        config = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"), tool)
        if config.exists():
            defaults[f"{config.parent.name.upper()}_CONFIG_FILE"] = str(config)
    found = {name: value for name, value in os.environ.items() if name.startswith(_REACH)}
    # The session that rehearses has tools of its own on PATH, which a build must not find.
    own = str(Path(sys.prefix, "bin"))
    path = os.pathsep.join(part for part in found["PATH"].split(os.pathsep) if part != own)
    no_proxy = ",".join(filter(None, [found.get("NO_PROXY", found.get("no_proxy")), "127.0.0.1"]))
    return {**defaults, **found, "PATH": path, "NO_PROXY": no_proxy, "no_proxy": no_proxy}


def environment(
    account: Account, role: str, source: Path, inputs: Mapping[str, Path]
) -> dict[str, str]:
    """A container's own variables ("Environment variables in build environments")."""
    home = account.fresh("home")
    image = _image(account.folder)
    identifier = str(uuid.uuid4())
    region = account.template.region
    return {
        **account.variables,
        **account.credentials(role),
        "HOME": str(home),
        "PATH": f"{image}/bin:{account.variables['PATH']}",
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "CODEBUILD_BUILD_ID": f"rehearsal:{identifier}",
        "CODEBUILD_BUILD_IMAGE": "aws/codebuild/standard:7.0",
        "CODEBUILD_CI": "true",
        "CODEBUILD_SRC_DIR": str(source),
        "CODEBUILD_START_TIME": str(int(time.time() * 1000)),
        **{f"CODEBUILD_SRC_DIR_{name}": str(folder) for name, folder in inputs.items()},
    }


def _image(folder: Path) -> Path:
    """A fresh environment for the image's Python, so that no build finds what another left."""
    image = Path(tempfile.mkdtemp(prefix="image-", dir=folder))
    tool = [uv.find_uv_bin(), "venv", "--quiet", "--seed", "--python", sys.executable]
    done = subprocess.run([*tool, str(image)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            "rehearsal-image", done.stderr.strip(), "see that uv reaches the package index"
        )
    return image
