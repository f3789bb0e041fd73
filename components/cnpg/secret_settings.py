"""Settings of secrets: where in the secret store things are; never a value."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from seawall.components.base import Settings
from seawall.components.fields import SecretKey
from seawall.components.problems import RefusedError


def _path(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.{}-]+(/[A-Za-z0-9_.{}-]+)*", value) or value.count("{") != value.count("{app}"):
        raise RefusedError("must be a path in the secret store like kubernetes/infra/{app}; `{app}` is the application")
    return value


SecretPath = Annotated[str, AfterValidator(_path)]
"""A path in the secret store, in which `{app}` may stand for an application."""


class RoleFields(Settings):
    """The properties of an application's entry in the secret store."""

    username: SecretKey = Field(default="username", description="Holds the name of the role")
    password: SecretKey = Field(default="password", description="Holds its password")


class BackupFields(Settings):
    """The properties of the entries with the object store's keys."""

    access_key: SecretKey = Field(default="accessKey", description="Holds the access key id")
    secret_key: SecretKey = Field(default="secretKey", description="Holds the secret key")


class SecretPaths(Settings):
    """Where in the secret store things are; never a value. The store is `platform.secret_store`."""

    roles: SecretPath = Field(description="Entry with an application's role and password; `{app}` is the application")
    role_fields: RoleFields = Field(default_factory=RoleFields, description="Properties of that entry")
    superuser: SecretPath | None = Field(
        default=None, description="Entry with the superuser's password; read only while `superuser_access` is on"
    )
    backup_writer: SecretPath | None = Field(
        default=None, description="Entry with the keys that archive and back up; not needed with IAM roles (irsa)"
    )
    backup_reader: SecretPath | None = Field(
        default=None, description="Entry with the keys that validate and restore; not needed with IAM roles (irsa)"
    )
    endpoint_ca: SecretPath | None = Field(
        default=None,
        description="Entry with the certificate authority of the backup's endpoint, whose property is called like "
        "`backup.endpoint_ca.key`; needed, and read, only for a restore drill, which is in another namespace",
    )
    backup_fields: BackupFields = Field(default_factory=BackupFields, description="Properties of those two entries")
    ca: SecretPath | None = Field(
        default=None,
        description="Entry from which clients in other clusters get the certificate authority, property `ca.crt`; "
        "needed when there are such clients. It must be kept equal to `ca.crt` of the Secret `<cluster>-ca`, which "
        "the operator renews every 90 days, and never hold the `ca.key` beside it",
    )
