"""Fixtures and shorthands for tests of the AWS stand-in on moto."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from plugin_host import PluginHost, Resource

ACCOUNT = "123456789012"
SETTINGS: dict[str, object] = {
    "region": "eu-central-1",
    "allowedAccountIds": json.dumps([ACCOUNT]),
    # What the vendor's SDK sends whether or not the program says so.
    "skipCredentialsValidation": "false",
    "skipRegionValidation": "true",
}


def document(action: str = "s3:GetObject", **more: object) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::b/*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}],
    }
)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def shared(moto: str) -> Iterator[PluginHost]:
    host = PluginHost("aws", {"AWS_ENDPOINT_URL": moto}).configure(SETTINGS)
    yield host
    host.stop()


@pytest.fixture
def endpoint(moto: str) -> str:
    """An empty account for each test: S3 buckets and IAM names are global."""
    urllib3.PoolManager().request("POST", f"{moto}/moto-api/reset")
    return moto


@pytest.fixture
def plugin(shared: PluginHost, endpoint: str) -> PluginHost:
    """A stand-in that other tests have used; what it said to them is forgotten."""
    return shared.forget()


@pytest.fixture
def start(endpoint: str, tmp_path: Path) -> Iterator[Any]:
    """Starts new stand-ins, as many runs as a test needs."""
    started: list[PluginHost] = []

    def run(**settings: object) -> PluginHost:
        environment = {"AWS_ENDPOINT_URL": endpoint, "SEAWALL_PLUGIN_NOTES": str(tmp_path / "notes")}
        started.append(PluginHost("aws", environment))
        return started[-1].configure({**SETTINGS, **settings})

    yield run
    for host in started:
        host.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:
    return client("s3", endpoint)


@pytest.fixture
def iam(endpoint: str) -> Any:
    return client("iam", endpoint)


def client(service: str, endpoint: str) -> Any:
    import boto3

    return boto3.client(  # type: ignore[call-overload]  # any service
        service,
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def bucket(plugin: PluginHost) -> Resource:
    made = plugin.resource("aws:s3/bucket:Bucket", "bucket")
    made.create({"bucket": "backups"})
    return made
