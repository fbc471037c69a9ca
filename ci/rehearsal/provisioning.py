"""Makes the container of a build: CodeBuild's phases PROVISIONING and DOWNLOAD_SOURCE."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.rehearsal import codecommit, s3
from ci.rehearsal.container import Container, make_home, own_variables
from ci.rehearsal.image import make_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.rehearsal.account import Account
    from ci.rehearsal.buildspec import Buildspec


@dataclass(frozen=True)
class Sources:
    """What a build takes: the primary source's folder, and those of others by artifact."""

    primary: Path
    others: Mapping[str, Path]


def download_sources(
    account: Account, branch: str, artifacts: Mapping[str, Path | str], primary: str
) -> Sources:
    """Give a build its input artifacts: copies of its own, or of a commit of `branch` a clone."""
    folder = account.fresh("sources")
    for name, artifact in artifacts.items():
        if isinstance(artifact, Path):
            shutil.copytree(artifact, folder / name)
        else:
            codecommit.clone(account.repository, branch, artifact, folder / name, account.answers)
    others = {name: folder / name for name in artifacts if name != primary}
    return Sources(folder / primary, others)


def provision(
    account: Account,
    spec: Buildspec,
    project: Mapping[str, Any],
    sources: Sources,
    variables: Mapping[str, str],
) -> Container:
    """The container of one build of `project`; `variables` are the project's and the action's.

    Raises UserError when the image lacks the buildspec's Python.
    """
    folder, image = account.fresh("container"), project["Environment"]["Image"]
    path = make_image(folder / "image", account.laptop, image, spec.python, account.answers.pyenv)
    home = folder / "root"
    make_home(home, account.repository, credential_helper=spec.credential_helper)
    environment = {
        **account.variables,
        **account.indexes.get(variables.get("TWINE_REPOSITORY", ""), {}),
        **account.credentials(project["ServiceRole"]),
        **own_variables(project, account.template.region, sources.primary, sources.others),
        "HOME": str(home),
        "PATH": path,
        "TMPDIR": str(account.fresh("tmp")),
        "UV_PYTHON_INSTALL_DIR": str(account.laptop.downloads),
        **variables,
    }
    return Container(
        source=sources.primary,
        environment=environment,
        uploads=account.fresh("uploads"),
        processes=account.processes,
        cache=s3.cache(project, account.folder),
        timeout=60 * float(project.get("TimeoutInMinutes", 60)),
    )


def discard(account: Account, container: Container) -> None:
    """Have the container's folders removed, which nothing looks at any more."""
    account.discard(Path(container.environment["HOME"]).parent)
    account.discard(Path(container.environment["TMPDIR"]))
    account.discard(container.source.parent)
