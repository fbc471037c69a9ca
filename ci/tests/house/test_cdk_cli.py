"""The CDK's command line is the one that cdk/package-lock.json has the hash of, or none."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import MagicMock, Mock

import pytest

from ci.tests.house.nox import load_noxfile

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

ROOT = Path(__file__).parents[3]
LOCK = json.loads((ROOT / "cdk/package-lock.json").read_text(encoding="utf-8"))
CLI = LOCK["packages"]["node_modules/aws-cdk"]
MANIFEST = json.loads((ROOT / "cdk/package.json").read_text(encoding="utf-8"))


def test_the_lock_has_one_package_its_version_and_its_hash_and_no_address() -> None:
    assert set(LOCK["packages"]) == {"", "node_modules/aws-cdk"}
    assert MANIFEST["dependencies"] == {"aws-cdk": CLI["version"]}
    assert LOCK["packages"][""]["dependencies"] == MANIFEST["dependencies"]
    assert CLI["integrity"].startswith("sha512-")
    assert "resolved" not in json.dumps(LOCK)


def test_node_is_told_nothing_by_variables_and_no_script_runs_while_npm_installs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    session = MagicMock(parallel=False, posargs=["synth"], env={}, run=Mock(return_value=""))
    load_noxfile()["cdk"](session)
    *_, npm, cdk = [call.args for call in session.run.call_args_list]
    assert npm[:3] == ("npm", "ci", "--ignore-scripts")
    assert (cdk[0], cdk[-1]) == ("node", "synth")
    assert cdk[1].startswith(f"{tmp_path}/.cache/cdk-cli-")
    assert (session.env["NODE_OPTIONS"], session.env["NODE_PATH"]) == (None, None)


class Laptop:
    """A checkout with what the session `cdk` needs, and a home that holds nothing."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.checkout = folder / "checkout"
        (self.checkout / "cdk").mkdir(parents=True)
        self.mark = folder / "a fake ran"
        self.fake = f"require('fs').writeFileSync({json.dumps(str(self.mark))}, 'x')"
        for name in ("noxfile.py", "pyproject.toml"):
            shutil.copy(ROOT / name, self.checkout)
        for name in ("package.json", "package-lock.json", "requirements.txt"):
            shutil.copy(ROOT / "cdk" / name, self.checkout / "cdk")

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """`nox -s cdk -- --version`; packages that uv knows come from this user's cache."""
        here = Path(sys.executable).parent
        cache = subprocess.run(
            [here / "uv", "cache", "dir"], capture_output=True, text=True, check=True
        ).stdout.strip()
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(("NPM_CONFIG", "NOX", "NODE_OPTIONS"))
        }
        environment |= {"HOME": str(self.home), "UV_CACHE_DIR": cache, **variables}
        return subprocess.run(
            [sys.executable, "-m", "nox", "-s", "cdk", "--", "--version"],
            cwd=self.checkout,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


def serve(registry: HTTPServer, script: str) -> str:
    """A registry whose aws-cdk is of the right version, and runs `script` instead."""
    manifest = {"name": "aws-cdk", "version": CLI["version"], "bin": {"cdk": "bin/cdk"}}
    files = {
        "package/package.json": json.dumps(manifest | {"scripts": {"install": "node bin/cdk"}}),
        "package/bin/cdk": script,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    tarball = f"/aws-cdk/-/aws-cdk-{CLI['version']}.tgz"
    digest = base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()
    dist = {"tarball": registry.url_for(tarball), "integrity": f"sha512-{digest}"}
    registry.expect_request("/aws-cdk").respond_with_json(
        {
            "name": "aws-cdk",
            "dist-tags": {"latest": CLI["version"]},
            "versions": {CLI["version"]: manifest | {"dist": dist}},
        }
    )
    registry.expect_request(tarball).respond_with_data(packed.getvalue())
    return registry.url_for("/")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["a variable", "the user's settings"])
def test_a_fake_from_another_registry_is_refused_for_its_hash(
    laptop: Laptop, httpserver: HTTPServer, way: str
) -> None:
    url = serve(httpserver, laptop.fake)
    variables = {}
    if way == "a variable":
        variables = {"npm_config_registry": url, "npm_config_ignore_scripts": "false"}
    else:
        settings = f"registry={url}\nignore-scripts=false\n"
        (laptop.home / ".npmrc").write_text(settings, encoding="utf-8")
    done = laptop.run(**variables)
    assert done.returncode != 0
    assert "EINTEGRITY" in done.stdout
    assert not laptop.mark.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting", ["package-lock=false", "dry-run=true", "package-lock-only=true"]
)
def test_a_setting_that_would_do_without_the_lock_runs_no_fake(
    laptop: Laptop, httpserver: HTTPServer, setting: str
) -> None:
    settings = f"registry={serve(httpserver, laptop.fake)}\n{setting}\n"
    (laptop.home / ".npmrc").write_text(settings, encoding="utf-8")
    assert laptop.run().returncode != 0
    assert not laptop.mark.exists()


@pytest.mark.slow
def test_nothing_of_the_checkout_or_of_node_s_variables_gets_into_the_command_line(
    laptop: Laptop, httpserver: HTTPServer
) -> None:
    url = serve(httpserver, laptop.fake)
    for folder in (laptop.checkout, laptop.checkout / "cdk"):
        (folder / ".npmrc").write_text(f"registry={url}\n", encoding="utf-8")
        for name in ("aws-cdk/bin/cdk", ".bin/cdk", "@aws-sdk/signature-v4-crt/index.js"):
            planted = folder / "node_modules" / name
            planted.parent.mkdir(parents=True, exist_ok=True)
            planted.write_text(laptop.fake, encoding="utf-8")
            planted.chmod(0o755)
    required = laptop.checkout / "required.js"
    required.write_text(laptop.fake, encoding="utf-8")
    done = laptop.run(
        NODE_OPTIONS=f"--require {required}", NODE_PATH=str(laptop.checkout / "node_modules")
    )
    assert done.returncode == 0, done.stdout
    assert f"\n{CLI['version']} (build " in done.stdout
    assert not laptop.mark.exists()
