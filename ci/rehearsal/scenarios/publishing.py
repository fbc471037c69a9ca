"""Faults of the secret, the index and the artifacts: Publish must stop, or still be correct."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import requests

from ci.errors import UserError
from ci.rehearsal.outcome import on_index
from ci.rehearsal.rehearsal import store_token, token, with_index, with_variables
from ci.rehearsal.scenarios.cutting_proxy import cutting_proxy
from ci.rehearsal.scenarios.scenario import IMPATIENT, before_publish, ending, publish
from ci.rehearsal.secretsmanager import secrets_proxy

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.execution import Execution
    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.scenarios.scenario import Ending, Start


def again(start: Start) -> Ending:
    """Retry Publish where everything is published."""
    return ending(start.rehearsal, publish(start.rehearsal, before_publish(start.release())))


# --- the secret ----------------------------------------------------------------------------------


def absent(start: Start) -> Ending:
    """Look for a secret that nobody has stored."""
    return _with_secret(start, None)


def malformed(start: Start) -> Ending:
    """Store the bare token where JSON is due."""
    return _with_secret(start, start.rehearsal.index.password)


def wrong_token(start: Start) -> Ending:
    """Store a token that the index does not know."""
    token = {"username": start.rehearsal.index.username, "password": "revoked"}
    return _with_secret(start, json.dumps(token))


def forbidden(start: Start) -> Ending:
    """Take the grant out of the template."""
    rehearsal, execution = start.built()
    document = copy.deepcopy(rehearsal.account.template.document)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy":
            policy = resource["Properties"]["PolicyDocument"]
            policy["Statement"] = [
                item for item in policy["Statement"] if "secretsmanager" not in json.dumps(item)
            ]
    template = replace(rehearsal.account.template, document=document)
    with secrets_proxy(template, rehearsal.aws.url) as secrets:
        account = replace(rehearsal.account, template=template, credentials=secrets.credentials)
        return ending(rehearsal, publish(replace(rehearsal, account=account), execution))


def _with_secret(start: Start, text: str | None) -> Ending:
    rehearsal, execution = start.built()
    store_token(rehearsal, rehearsal.secret, text)
    try:
        return ending(rehearsal, publish(rehearsal, execution))
    finally:
        store_token(rehearsal, rehearsal.secret, token(rehearsal.index))


# --- the index -----------------------------------------------------------------------------------


def index_down(start: Start) -> Ending:
    """Publish to an index that does not answer, and retry when it does."""
    rehearsal, execution = start.built()
    with cutting_proxy(rehearsal.server.url, uploads=0) as url:
        down = _behind(rehearsal, url)
    stopped = publish(down, execution)
    if not stopped.failed or on_index(rehearsal):
        raise UserError(
            "rehearsal-down",
            "Publish succeeded without an index",
            "correct ci/release/publish.py",
        )
    return ending(rehearsal, publish(rehearsal, before_publish(stopped)))


def cut(start: Start) -> Ending:
    """Cut the line after the first upload."""
    rehearsal, execution = start.built()
    with cutting_proxy(rehearsal.server.url, uploads=1) as url:
        stopped = publish(_behind(rehearsal, url), execution)
    start.half_published = rehearsal, stopped
    return ending(rehearsal, stopped)


def cut_retried(start: Start) -> Ending:
    """Retry what the scenario before has left half done."""
    rehearsal, stopped = start.half_published or start.built()
    return ending(rehearsal, publish(rehearsal, before_publish(stopped)))


def other_bytes(start: Start) -> Ending:
    """Have the index hold a wheel of that version which was built otherwise."""
    rehearsal, execution = start.built()
    wheel = next(_copied(rehearsal, execution).glob("*.whl"))
    with wheel.open("ab") as file:
        file.write(b"\0")
    _upload(rehearsal, wheel)
    return ending(rehearsal, publish(rehearsal, execution))


def _behind(rehearsal: Rehearsal, url: str) -> Rehearsal:
    """The same index, reached through another address."""
    index, here = rehearsal.index, rehearsal.server.url
    moved = replace(
        index,
        upload_url=index.upload_url.replace(here, url),
        index_url=index.index_url.replace(here, url),
    )
    return with_variables(with_index(rehearsal, moved), IMPATIENT)


def _upload(rehearsal: Rehearsal, wheel: Path) -> None:
    """Put a wheel on the index, as twine would ("Legacy API" of Warehouse's documentation)."""
    name, version = wheel.name.split("-")[:2]
    form = {":action": "file_upload", "name": name, "version": version, "metadata_version": "2.1"}
    answer = requests.post(
        rehearsal.index.upload_url,
        data={**form, "filetype": "bdist_wheel", "pyversion": "py3"},
        files={"content": (wheel.name, wheel.read_bytes())},
        auth=(rehearsal.index.username, rehearsal.index.password),
        timeout=30,
    )
    answer.raise_for_status()


# --- the artifacts -------------------------------------------------------------------------------


def changed(start: Start) -> Ending:
    """Change a byte of the wheel in the artifact store."""
    rehearsal, execution = start.built()
    dist = execution.artifacts["dist"] = _copied(rehearsal, execution)
    with next(dist.glob("*.whl")).open("ab") as file:
        file.write(b"\0")
    return ending(rehearsal, publish(rehearsal, execution))


def added(start: Start) -> Ending:
    """Add a distribution to the artifact store."""
    rehearsal, execution = start.built()
    dist = execution.artifacts["dist"] = _copied(rehearsal, execution)
    (dist / "extra-1.0.tar.gz").write_bytes(b"")
    return ending(rehearsal, publish(rehearsal, execution))


def _copied(rehearsal: Rehearsal, execution: Execution) -> Path:
    """A copy of the artifact `dist`."""
    folder = rehearsal.account.fresh("changed")
    shutil.copytree(str(execution.artifacts["dist"]), folder, dirs_exist_ok=True)
    return folder
