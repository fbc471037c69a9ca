"""The proxy in front of Secrets Manager, with boto3 before it and moto behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from ci.rehearsal.cloudformation import Template
from ci.rehearsal.secretsmanager import SecretsProxy, secrets_proxy, store_secret
from ci.tests.rehearsal.toy import template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ci.rehearsal.servers import AwsServer

    Reader = Callable[..., str]

PUBLISHER = "arn:aws:iam::123456789012:role/PublishRole"
BUILDER = "arn:aws:iam::123456789012:role/ReleaseRole"


@pytest.fixture
def proxy(moto: AwsServer) -> Iterator[SecretsProxy]:
    store_secret(moto.url, "us-west-2", "toy/pypi", "the token")
    with secrets_proxy(Template(template()), moto.url) as running:
        yield running
    store_secret(moto.url, "us-west-2", "toy/pypi", None)


@pytest.fixture
def reader(proxy: SecretsProxy, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A function that reads a secret as the role it is given."""

    def read(role: str, name: str = "toy/pypi") -> str:
        for variable, value in proxy.credentials(role).items():
            monkeypatch.setenv(variable, value)
        client = boto3.session.Session().client("secretsmanager", region_name="us-west-2")
        return str(client.get_secret_value(SecretId=name)["SecretString"])

    return read


def test_the_publisher_reads_the_secret(proxy: SecretsProxy, reader: Reader) -> None:
    assert reader(PUBLISHER) == "the token"
    assert [(item.role, item.allowed) for item in proxy.requests] == [(PUBLISHER, True)]


def test_another_role_is_refused_as_aws_would(proxy: SecretsProxy, reader: Reader) -> None:
    with pytest.raises(ClientError, match="not authorized to perform") as refused:
        reader(BUILDER)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert [(item.role, item.allowed) for item in proxy.requests] == [(BUILDER, False)]


def test_the_publisher_reads_no_other_secret(reader: Reader) -> None:
    with pytest.raises(ClientError, match="AccessDeniedException"):
        reader(PUBLISHER, "other/secret")


def test_a_secret_may_be_named_by_its_arn(proxy: SecretsProxy) -> None:
    arn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:toy/pypi-AbCdEf"
    body = f'{{"SecretId": "{arn}"}}'.encode()
    request = proxy.decide(PUBLISHER, "secretsmanager.GetSecretValue", body)
    assert (request.resource, request.allowed) == (arn, True)


def test_a_name_may_end_as_an_arn_does() -> None:
    document = template()
    grant = document["Resources"]["PublishGrant"]["Properties"]["PolicyDocument"]["Statement"][0]
    grant["Resource"] = "arn:aws:secretsmanager:us-west-2:123456789012:secret:pypi-secret-??????"
    proxy = SecretsProxy(Template(document), "")
    request = proxy.decide(
        PUBLISHER, "secretsmanager.GetSecretValue", b'{"SecretId": "pypi-secret"}'
    )
    assert request.resource.endswith(":secret:pypi-secret-AbCdEf")
    assert request.allowed


def test_credentials_are_given_to_their_container_only(proxy: SecretsProxy) -> None:
    assert requests.get(f"{proxy.url}/credentials/GUESSED", timeout=10).status_code == 404


def test_a_stranger_s_signature_is_refused(proxy: SecretsProxy) -> None:
    assert requests.post(proxy.url, data=b"{}", timeout=10).status_code == 400
    assert proxy.requests == []
