"""The stand-in for CodeBuild's image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from ci.errors import UserError
from ci.rehearsal import image
from ci.rehearsal.image import Laptop, borrow, make_image

NAME = "aws/codebuild/standard:7.0"
OLD, NEW = "2.4.20", "2.6.30"


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """One with three Pythons, each of which says which it is; environments take long to make."""
    pythons = {}
    for version in ("3.8.18", "3.11.7", "3.12.1"):
        pythons[version] = tmp_path / f"python-{version}"
        pythons[version].write_text(f"#!/bin/sh\necho {version} $0\n")
        pythons[version].chmod(0o755)
    utilities = tmp_path / "utilities"
    utilities.mkdir()
    for name in ("sh", "tr", "echo"):
        utilities.joinpath(name).symlink_to(str(shutil.which(name)))

    def make_environment(folder: Path, python: Path | str) -> None:
        (folder / "bin").mkdir(parents=True)
        for name in ("python", "python3", "python3.12", "pip"):
            (folder / "bin" / name).symlink_to(python)

    monkeypatch.setattr(image, "_make_environment", make_environment)
    return Laptop(pythons, utilities, tmp_path / "downloads")


def run(path: str, program: str, folder: Path, **variables: str) -> tuple[str, str]:
    """What a program says, in a container of that PATH: its version or nothing, and its errors."""
    found = shutil.which(program, path=path)
    if found is None:
        return "", "not found"
    done = subprocess.run(
        [found],
        cwd=folder,
        env={"PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == bool(done.stdout)
    return done.stdout.partition(" ")[0], done.stderr


@pytest.mark.parametrize("pyenv", [OLD, NEW])
def test_the_global_python_is_that_of_runtime_versions(
    tmp_path: Path, laptop: Laptop, pyenv: str
) -> None:
    path = make_image(tmp_path / "a user's image", laptop, NAME, "3.12", pyenv)
    for program in ("python", "python3", "python3.12", "pip"):
        assert run(path, program, tmp_path) == ("3.12.1", "")


def test_pyenv_version_wins_over_a_file_and_a_file_over_the_global_one(
    tmp_path: Path, laptop: Laptop
) -> None:
    path = make_image(tmp_path / "image", laptop, NAME, "3.12", OLD)
    inner = tmp_path / "checkout" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "checkout/.python-version").write_text("3.11\n")
    assert run(path, "python", inner)[0] == "3.11.7"
    assert run(path, "python", inner, PYENV_VERSION="3.12")[0] == "3.12.1"
    assert run(path, "python", inner, PYENV_VERSION="3.11:3.12")[0] == "3.11.7"


def test_a_selected_python_that_is_missing_stops_the_old_pyenv_only(
    tmp_path: Path, laptop: Laptop
) -> None:
    (tmp_path / ".python-version").write_text("3.8\n3.12\n")
    old = make_image(tmp_path / "old", laptop, NAME, "3.12", OLD)
    new = make_image(tmp_path / "new", laptop, NAME, "3.12", NEW)
    said, error = run(old, "python", tmp_path)
    assert said == ""
    assert error == f"pyenv: version `3.8' is not installed (set by {tmp_path}/.python-version)\n"
    assert run(new, "python", tmp_path) == ("3.12.1", "")
    assert run(old, "python", tmp_path, PYENV_VERSION="3.12") == ("3.12.1", "")


def test_a_program_of_a_python_that_is_not_selected_is_not_found(
    tmp_path: Path, laptop: Laptop
) -> None:
    path = make_image(tmp_path / "image", laptop, NAME, "3.12", OLD)
    assert run(path, "python3.11", tmp_path) == ("", "pyenv: python3.11: command not found\n")


def test_what_the_image_lacks_has_no_program_at_all(tmp_path: Path, laptop: Laptop) -> None:
    path = make_image(tmp_path / "image", laptop, NAME, "3.12", OLD)
    assert run(path, "python3.8", tmp_path)[1] == "not found"


@pytest.mark.parametrize(("pyenv", "version"), [(OLD, ""), (NEW, "3.12.1")])
def test_what_pip_installs_is_a_command_with_the_new_pyenv_only(
    tmp_path: Path, laptop: Laptop, pyenv: str, version: str
) -> None:
    path = make_image(tmp_path / "image", laptop, NAME, "3.12", pyenv)
    installed = tmp_path / "image/versions/3.12.1/bin/nox"
    installed.symlink_to(laptop.pythons["3.12.1"])
    assert run(path, "nox", tmp_path)[0] == version


@pytest.mark.parametrize(
    ("name", "python", "code"),
    [
        ("aws/codebuild/standard:5.0", "3.12", "image-unknown"),
        (NAME, "3.8", "image-python"),
        (NAME, "3.1", "image-python"),
    ],
)
def test_an_image_and_a_python_that_are_not_there_are_refused(
    tmp_path: Path, laptop: Laptop, name: str, python: str, code: str
) -> None:
    with pytest.raises(UserError) as raised:
        make_image(tmp_path / "image", laptop, name, python, OLD)
    assert raised.value.code == code


def test_no_tool_of_the_session_or_the_user_is_in_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "_laptop_pythons", lambda _: ({}, {}))
    laptop = borrow(tmp_path, tmp_path / "laptop")
    found = {path.name for path in laptop.utilities.iterdir()}
    assert found >= {"sh", "git", "mkdir", "cp", "sed"}
    for tool in ("nox", "uv", "pytest", "python", "python3", "pip", "pip3"):
        assert tool not in found


@pytest.mark.parametrize(
    ("name", "text", "is_there"),
    [
        ("sed", "a program", True),
        ("pipesz", "a program", True),
        ("nodeattr", "a program", True),
        ("egrep", "#!/bin/sh\nexec grep -E", True),
        ("python3.11", "a program", False),
        ("python3-config", "#!/bin/sh", False),
        ("uv", "a program", False),
        ("uvx", "a program", False),
        ("node", "a program", False),
        ("pyenv", "#!/usr/bin/env bash", False),
        ("nox", "#!/usr/bin/python3", False),
        ("tool", "#!/usr/bin/env python3.11", False),
        ("cdk", "#!/usr/bin/env node", False),
    ],
)
def test_what_a_build_must_bring_itself_is_in_no_container_though_the_system_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, *, is_there: bool
) -> None:
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(image, "_laptop_pythons", lambda _: ({}, {}))
    monkeypatch.setattr(os, "confstr", lambda _: str(tmp_path))
    laptop = borrow(tmp_path, tmp_path / "laptop")
    assert (laptop.utilities / name).exists() == is_there


def test_what_can_not_be_read_in_the_system_s_folders_is_linked_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(image, "_laptop_pythons", lambda _: ({}, {}))
    monkeypatch.setattr(os, "confstr", lambda _: str(tmp_path))
    laptop = borrow(tmp_path, tmp_path / "laptop")
    found = {path.name for path in laptop.utilities.iterdir()}
    assert found >= {"bash", "git", "gone", "folder"}


def test_every_python_is_also_where_uv_would_download_it(
    tmp_path: Path, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {version: f"cpython-{version}-linux-x86_64-gnu" for version in laptop.pythons}
    monkeypatch.setattr(image, "_laptop_pythons", lambda _: (laptop.pythons, keys))
    downloads = borrow(tmp_path, tmp_path / "laptop").downloads
    assert {path.name for path in downloads.iterdir()} == set(keys.values())
    for name in ("python", "python3.8"):
        link = downloads / "cpython-3.8.18-linux-x86_64-gnu/bin" / name
        assert link.readlink() == laptop.pythons["3.8.18"]


def test_the_laptop_s_pythons_are_those_that_uv_finds_and_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [
        {"implementation": "cpython", "variant": "default", "version": "3.10.1", "key": "one"},
        {"implementation": "cpython", "variant": "default", "version": "3.10.1", "key": "two"},
        {"implementation": "pypy", "variant": "default", "version": "3.11.0", "key": "three"},
        {"implementation": "cpython", "variant": "freethreaded", "version": "3.14.0", "key": "4"},
    ]
    lines = [str({**item, "path": sys.executable}).replace("'", '"') for item in listed]
    broken = (
        '{"implementation": "cpython", "variant": "default", "version": "3.9", "path": "false"}'
    )
    fake = tmp_path / "uv"
    fake.write_text(f"#!/bin/sh\ncat <<'E'\n[{', '.join([*lines, broken])}]\nE\n")
    fake.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(fake))
    pythons, keys = image._laptop_pythons(tmp_path)  # noqa: SLF001 - it is what borrow asks
    own = Path(os.path.realpath(sys.executable))
    assert pythons == {"3.10.1": own}
    assert keys == {"3.10.1": "one"}


@pytest.mark.slow
def test_the_pythons_of_a_real_image_are_found_by_uv(tmp_path: Path) -> None:
    laptop = borrow(Path.cwd(), tmp_path / "laptop")
    path = make_image(tmp_path / "image", laptop, NAME, "3.12", OLD)
    environment = {
        "PATH": path,
        "HOME": str(tmp_path),
        "PYENV_VERSION": "3.12",
        "UV_PYTHON_INSTALL_DIR": str(laptop.downloads),
    }
    uv = find_uv_bin()
    for version in ("3.8", "3.12"):
        command = [uv, "run", "--no-project", "--offline", "--python", version, "python", "-V"]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(f"Python {version}.")
