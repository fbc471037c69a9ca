"""What surrounds the players: a scratch folder, the repository, and the containers' insides.

A build gets nothing of the user's environment but what the laptop needs to reach its package index
and its Pythons: no credentials, no settings of tools.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uv

from ci.errors import Problem
from ci.git import git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ci.rehearsal.pipeline import Step
    from ci.rehearsal.template import Template

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


@dataclass
class World:
    """The stand-ins for AWS, all in the scratch `folder`.

    `repository` is the bare one that is CodeCommit's. `variables` go into every container, and so
    does what `credentials` gives for the ARN of its role. `announce` hears of each step as it
    begins and ends; a Problem that it raises at the beginning stops the step.
    """

    template: Template
    folder: Path
    repository: Path
    variables: Mapping[str, str] = field(default_factory=laptop)
    credentials: Callable[[str], Mapping[str, str]] = lambda _: {}
    announce: Callable[[Step], None] = lambda _: None
    _numbers: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fresh(self, kind: str) -> Path:
        """A new empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self.folder))

    def new_log(self, name: str) -> Path:
        """An empty file for what the next build prints."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        with self._lock:
            log = logs / f"{len(list(logs.glob('*.log'))) + 1:02}-{name}.log"
            log.touch()
        return log

    def head(self, branch: str) -> str:
        """The commit at the end of a branch."""
        return git(self.repository, "rev-parse", "--verify", f"refs/heads/{branch}")

    def zipped(self, commit: str) -> Path:
        """The files of a commit without its history."""
        folder = self.fresh("source")
        git(self.repository, f"--work-tree={folder}", "checkout", commit, "--", ".")
        return folder

    def unpacked(self, artifact: Path | str) -> Path:
        """An input as a build finds it: a copy of its own, or of a commit a clone of everything.

        The clone's HEAD is detached: CodePipeline hands over a commit, not a branch (tutorial "Use
        full clone with a CodeCommit pipeline source").
        """
        folder = self.fresh("src") / "src"
        if isinstance(artifact, Path):
            shutil.copytree(artifact, folder)
            return folder
        git(self.folder, "clone", "--quiet", "--no-checkout", str(self.repository), str(folder))
        git(folder, "checkout", "--quiet", "--detach", artifact)
        return folder

    def kept(self, files: Mapping[str, Path]) -> Path:
        """The files of an artifact as the artifact store keeps them: those, and nothing else."""
        folder = self.fresh("artifact")
        for name, path in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / name)
        return folder

    def project(self, name: str) -> dict[str, Any]:
        """The CodeBuild project of that name; raises Problem when the template has none."""
        for project in self.template.resources("AWS::CodeBuild::Project").values():
            if project["Name"] == name:
                return project
        raise Problem(
            "rehearsal-project", f"there is no project {name}", "mend the pipeline in cdk/"
        )

    def cache(self, project: Mapping[str, Any]) -> Path | None:
        """Where a project's cache is kept: one place a bucket and prefix, whoever names it."""
        cache = project.get("Cache", {})
        if cache.get("Type", "NO_CACHE") == "NO_CACHE":
            return None
        return self.folder / "caches" / str(cache["Location"])

    def environment(self, role: str, source: Path, inputs: Mapping[str, Path]) -> dict[str, str]:
        """A container's own variables ("Environment variables in build environments")."""
        home = self.fresh("home")
        image = _image(self.folder)
        identifier = str(uuid.uuid4())
        region = self.template.region
        return {
            **self.variables,
            **self.credentials(role),
            "HOME": str(home),
            "PATH": f"{image}/bin:{self.variables['PATH']}",
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
        raise Problem(
            "rehearsal-image", done.stderr.strip(), "see that uv reaches the package index"
        )
    return image
