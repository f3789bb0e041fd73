"""A store in this process, whose objects can be copied, dated and damaged without a request.

The same moto as `object_store`, with the same answers; only that its memory is ours. Clients talk to it over HTTP.
"""

import copy
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from archive_doubles import ACCOUNT
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from object_store import REGION, ObjectStore
from unprivileged import folder

from seawall.sandbox import ports


class LocalStore(ObjectStore):
    """A store with a bucket and a KMS key, served by a thread."""

    def __init__(self) -> None:
        super().__init__(folder("store"))
        self._server = ThreadedMotoServer(ip_address=ports.LOOPBACK, port=self.port, verbose=False)

    def start(self) -> Self:
        """Starts it, and makes bucket and key."""
        self.home.rmdir()  # nothing is logged
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server.start()
        self.in_bucket(self.bucket)
        self.key = self.new_key()
        return self

    def stop(self) -> None:
        """Ends it; what it held is dropped."""
        for bucket in [it for it in self.backend.buckets if it.startswith(self.bucket)]:
            self.drop(bucket)
        self._server.stop()

    @property
    def backend(self) -> Any:
        """moto's memory of S3."""
        return s3_backends[ACCOUNT]["aws"]

    def in_bucket(self, bucket: str) -> "LocalStore":
        """The same store with another bucket, which is made; its name begins with that of the first."""
        self.backend.create_bucket(bucket, REGION)
        made = copy.copy(self)
        made.bucket = bucket
        return made

    def drop(self, bucket: str) -> None:
        """Forgets a bucket with all that is in it."""
        keys = self.backend.buckets.pop(bucket).keys
        s3_backends.bucket_accounts.pop(bucket)
        for version in (version for name in keys for version in keys.getlist(name)):
            if hasattr(version, "dispose"):  # a delete marker holds nothing
                version.dispose()


class Copied:
    """The objects of one bucket in a bucket of their own, to be damaged."""

    def __init__(self, source: LocalStore, bucket: str, *, versioned: bool = False) -> None:
        self.store = source.in_bucket(bucket)
        """The store with this bucket."""
        self.backend = source.backend
        if versioned:
            self.backend.put_bucket_versioning(bucket, "Enabled")
        for name, key in list(self.backend.buckets[source.bucket].keys.items()):
            self._put(name, key.value, key.encryption, key.kms_key_id, key.last_modified)

    def keys(self, part: str = "") -> list[str]:
        """The names that hold this text, sorted."""
        return sorted(name for name in self.backend.buckets[self.store.bucket].keys if part in name)

    def body(self, key: str) -> bytes:
        """An object's content."""
        return bytes(self.backend.get_object(self.store.bucket, key).value)

    def put(self, key: str, body: bytes, *, like: str = "", **how: str | None) -> str:
        """Writes an object, encrypted and dated as `like`, by default as the one that it replaces; gives its name.

        `encryption` and `kms_key_id` say how else it is encrypted.
        """
        old = self.backend.get_object(self.store.bucket, like or key)
        encryption = how.get("encryption", old.encryption)
        under = how.get("kms_key_id", old.kms_key_id if encryption == "aws:kms" else None)
        self._put(key, body, encryption, under, old.last_modified)
        return key

    def change(self, key: str, change: Callable[[bytes], bytes]) -> None:
        """Replaces an object's content."""
        self.put(key, change(self.body(key)))

    def encrypt(self, key: str, encryption: str | None, kms_key_id: str | None = None) -> None:
        """Has an object encrypted otherwise."""
        self.put(key, self.body(key), encryption=encryption, kms_key_id=kms_key_id)

    def remove(self, *keys: str) -> None:
        """Deletes objects; where versions are kept a delete marker hides them."""
        for key in keys:
            self.backend.delete_object(self.store.bucket, key, bypass=False)

    def date(self, key: str, ago: timedelta) -> None:
        """Has an object written so long ago."""
        moment = datetime.now(UTC) - ago
        self.backend.get_object(self.store.bucket, key).last_modified = moment.replace(tzinfo=None)

    def drop(self) -> None:
        """Forgets all of it."""
        self.store.drop(self.store.bucket)

    def _put(self, name: str, body: bytes, encryption: str | None, under: str | None, modified: Any) -> None:
        made = self.backend.put_object(self.store.bucket, name, body, encryption=encryption, kms_key_id=under)
        made.last_modified = modified
