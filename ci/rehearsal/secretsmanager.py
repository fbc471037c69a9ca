"""A proxy in front of Secrets Manager that enforces the role's IAM statements.

Each container gets temporary credentials of its project's role from an address of its own, as
CodeBuild's do. A request that is signed with them is passed on to a stand-in for Secrets Manager
only if the statements of that role in the template allow it.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import boto3
import requests

from ci.rehearsal.iam import may

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.rehearsal.cloudformation import Template

_FORWARDED = ("Content-Type", "X-Amz-Target", "Authorization", "X-Amz-Date")


def store_secret(url: str, region: str, name: str, text: str | None) -> None:
    """Have the secret of that name in the Secrets Manager at `url` hold `text`, or be absent."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",  # noqa: S106 - the stand-in takes any
    )
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    if text is not None:
        client.create_secret(Name=name, SecretString=text)


@dataclass(frozen=True)
class Request:
    """One request that was made with a role's credentials, as CloudTrail would list it."""

    role: str
    action: str
    resource: str
    allowed: bool


@dataclass
class SecretsProxy:
    """A running proxy; `requests` are those it has decided on."""

    template: Template
    upstream: str
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    _roles: dict[str, str] = field(default_factory=dict)

    def credentials(self, role: str) -> dict[str, str]:
        """What leads boto3 here, as the role with that ARN."""
        key = f"REHEARSAL{uuid.uuid4().hex.upper()}"
        self._roles[key] = role
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/credentials/{key}",
        }

    def role_of(self, key: str) -> str | None:
        """The role whose credentials have that access key id."""
        return self._roles.get(key)

    def decide(self, role: str, target: str, body: bytes) -> Request:
        """Whether `role` may make the request of that X-Amz-Target and body."""
        service, _, operation = target.partition(".")
        action = f"{service}:{operation}"
        name = str(json.loads(body or b"{}").get("SecretId", "*"))
        # A secret's ARN ends in six characters of Secrets Manager's choice. A name may do so too.
        arn = name if name.startswith("arn:") else self.template.arn_of(service, f"secret:{name}")
        is_full = arn == name and re.search(r"-\w{6}$", arn)
        full = arn if is_full else f"{arn}-AbCdEf"
        request = Request(role, action, full, may(self.template, role, action, full))
        self.requests.append(request)
        return request


@contextmanager
def secrets_proxy(template: Template, upstream: str) -> Iterator[SecretsProxy]:
    """A proxy before the Secrets Manager at `upstream`, for as long as the block lasts."""
    running = SecretsProxy(template, upstream)

    class Handler(_Handler):
        proxy = running

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: SecretsProxy

    def do_GET(self) -> None:
        """Give a container its credentials ("Container credential provider" of the SDK guide)."""
        key = self.path.removeprefix("/credentials/")
        if self.proxy.role_of(key) is None:
            self._answer(404, {"message": "no such container"})
            return
        self._answer(
            200,
            {
                "AccessKeyId": key,
                "SecretAccessKey": "rehearsal",
                "Token": "rehearsal",
                "Expiration": "2999-01-01T00:00:00Z",
            },
        )

    def do_POST(self) -> None:
        """Forward what the role may do, refuse the rest in the words of AWS."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        signer = re.search(r"Credential=(\w+)/", self.headers.get("Authorization", ""))
        role = self.proxy.role_of(signer[1]) if signer else None
        if role is None:
            self._answer(400, {"__type": "UnrecognizedClientException", "message": "who is it?"})
            return
        request = self.proxy.decide(role, self.headers.get("X-Amz-Target", ""), body)
        if not request.allowed:
            text = f"{role} is not authorized to perform: {request.action} on {request.resource}"
            self._answer(400, {"__type": "AccessDeniedException", "Message": text})
            return
        headers = {name: self.headers[name] for name in _FORWARDED if name in self.headers}
        answer = requests.post(self.proxy.upstream, data=body, headers=headers, timeout=30)
        self._send(answer.status_code, answer.content)

    def _answer(self, status: int, content: dict[str, str]) -> None:
        self._send(status, json.dumps(content).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: what counts is in the proxy's `requests`."""
