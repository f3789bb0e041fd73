"""S3 and KMS by moto, in a process of its own: what archives and restores talk to over HTTP, or HTTPS.

moto keeps objects in memory with their encryption headers; it encrypts nothing and enforces no policy.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import boto3
import unprivileged
from botocore.config import Config

from seawall.sandbox import ports
from seawall.sandbox.pki import Pki

REGION = "eu-central-1"
BUCKET = "backups"
ACCESS = ("testing", "testing")
"""Access key and secret that clients use; moto takes any."""
READER = {"AWS_ACCESS_KEY_ID": ACCESS[0], "AWS_SECRET_ACCESS_KEY": ACCESS[1], "AWS_DEFAULT_REGION": REGION}
"""How a script signs in, as environment variables."""
_WAIT_SECONDS = 60.0


class ObjectStore:
    """One store with a bucket and a KMS key. `start`, then use, then `stop`; what it holds ends with it."""

    def __init__(self, home: Path, *, tls: bool = False) -> None:
        """`home` is a folder for its log, and with `tls` for its certificate and authority."""
        self.home = home
        self.port = ports.choose(["moto"])["moto"]
        self.endpoint = f"{'https' if tls else 'http'}://{ports.LOOPBACK}:{self.port}"
        """Its address."""
        self.authority = home / "pki" / "ca.crt" if tls else None
        """The file with the authority of its certificate; None for plain HTTP."""
        self.log = home / "moto.log"
        self.bucket = BUCKET
        self.key = ""
        """ARN of its KMS key, once it runs."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, and make bucket and key. Raises `AssertionError` with its log when it does not start."""
        command = [sys.executable, "-m", "moto.server", "-H", ports.LOOPBACK, "-p", str(self.port)]
        if self.authority is not None:
            pki = Pki(self.authority.parent)
            pki.ensure()
            command += ["-c", str(pki.cert("server")), "-k", str(pki.key("server"))]
        # It runs as whoever may read our own interpreter: as this user, that is, or with the right to read every file.
        self._process = unprivileged.start(command, self.log)
        end = time.monotonic() + _WAIT_SECONDS
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < end, f"moto: {self.log.read_text()[-2000:]}"
            time.sleep(0.05)
        self.client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.key = self.new_key()
        return self

    def _answers(self) -> bool:
        try:
            self.client("s3").list_buckets()
        except Exception:
            return False
        return True

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def new_key(self) -> str:
        """A further KMS key; its ARN."""
        return str(self.client("kms").create_key()["KeyMetadata"]["Arn"])

    def client(self, service: str = "s3") -> Any:
        """A client of boto3 with its credentials. Not to be shared between processes."""
        make: Any = boto3.client  # its types want each service by name
        return make(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS[0],
            aws_secret_access_key=ACCESS[1],
            verify=str(self.authority) if self.authority is not None else None,
            config=Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}),
        )

    def environment(self) -> dict[str, str]:
        """What sends an AWS client here that is configured for AWS itself: the only difference to the real thing."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def objects(self, prefix: str = "") -> dict[str, int]:
        """Every object below a prefix, with its size in bytes."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {it["Key"]: int(it["Size"]) for page in pages for it in page.get("Contents", ())}

    def head(self, key: str) -> dict[str, Any]:
        """The headers of an object, as boto3 gives them: `ServerSideEncryption`, `SSEKMSKeyId`, `ContentLength`, …"""
        return dict(self.client().head_object(Bucket=self.bucket, Key=key))

    def clear(self, prefix: str = "") -> None:
        """Delete every object below a prefix."""
        client = self.client()
        for key in self.objects(prefix):
            client.delete_object(Bucket=self.bucket, Key=key)
