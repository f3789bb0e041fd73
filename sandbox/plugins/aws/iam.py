"""aws:iam/user:User and aws:iam/role:Role."""

import json
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from seawall.sandbox.plugins.aws.clients import Clients
from seawall.sandbox.plugins.aws.resource import (
    AwsResource,
    Values,
    all_tags,
    exists_already,
    gone,
    marked,
    retag,
    tag_list,
    tags_out,
)
from seawall.sandbox.plugins.aws.schema import Between, Document, Schema, Tags
from seawall.sandbox.plugins.errors import PluginError

ABSENT: Final = "NoSuchEntity"
"""IAM's code for what does not exist."""


class User(AwsResource):
    """A user. Its access keys are issued by the account's admins, never here."""

    token = "aws:iam/user:User"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "name": str,
        "path": str,
        "permissionsBoundary": str,
        "forceDestroy": bool,
        "tags": Tags(),
    }
    required = ("name",)
    replaced_by = ("name", "path")
    kept = ("forceDestroy",)
    defaults: ClassVar[dict[str, object]] = {"path": "/"}
    computed = ("arn", "uniqueId", "tagsAll")
    tagged = True

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """The name."""
        return str(values["name"])

    def found(self, aws: Clients, values: Values, urn: str) -> str | None:
        """By name."""
        name = str(values["name"])
        if self.read(aws, name) is None:
            return None
        if marked(aws.iam.list_user_tags(UserName=name)["Tags"], urn):
            return name
        raise exists_already("IAM user", name)

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """With its tags."""
        request: dict[str, Any] = {
            "UserName": values["name"],
            "Path": values.get("path") or "/",
            "Tags": tag_list(all_tags(aws, values), urn),
        }
        if values.get("permissionsBoundary"):
            request["PermissionsBoundary"] = values["permissionsBoundary"]
        aws.iam.create_user(**request)
        return str(values["name"])

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """Boundary and tags."""
        if not old:
            return
        if old.get("permissionsBoundary") != new.get("permissionsBoundary"):
            if new.get("permissionsBoundary"):
                aws.iam.put_user_permissions_boundary(UserName=id_, PermissionsBoundary=new["permissionsBoundary"])
            else:
                aws.iam.delete_user_permissions_boundary(UserName=id_)
        retag(
            aws.iam.list_user_tags(UserName=id_)["Tags"],
            all_tags(aws, new),
            urn,
            untag=lambda keys: aws.iam.untag_user(UserName=id_, TagKeys=keys),
            tag=lambda tags: aws.iam.tag_user(UserName=id_, Tags=tags),
        )

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """The user."""
        try:
            user = aws.iam.get_user(UserName=id_)["User"]
        except Exception as error:
            if gone(error, ABSENT):
                return None
            raise
        return {
            "name": user["UserName"],
            "path": user["Path"],
            "arn": user["Arn"],
            "uniqueId": user["UserId"],
            "permissionsBoundary": user.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            **tags_out(aws, aws.iam.list_user_tags(UserName=id_)["Tags"]),
        }

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """Refused by IAM while the user has access keys, unless `forceDestroy` says to delete them first."""
        try:
            keys = [key["AccessKeyId"] for key in aws.iam.list_access_keys(UserName=id_)["AccessKeyMetadata"]]
            if keys and not values.get("forceDestroy"):  # moto would delete it
                raise PluginError(f"{id_}: DeleteConflict: Cannot delete entity, must delete access keys first.")
            for key in keys:
                aws.iam.delete_access_key(UserName=id_, AccessKeyId=key)
            aws.iam.delete_user(UserName=id_)
        except Exception as error:
            if not gone(error, ABSENT):
                raise


class Role(AwsResource):
    """A role."""

    token = "aws:iam/role:Role"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "name": str,
        "path": str,
        "description": str,
        "assumeRolePolicy": Document(),
        "maxSessionDuration": Between(3600, 43200),
        "permissionsBoundary": str,
        "forceDetachPolicies": bool,
        "tags": Tags(),
    }
    required = ("name", "assumeRolePolicy")
    replaced_by = ("name", "path")
    kept = ("forceDetachPolicies",)
    defaults: ClassVar[dict[str, object]] = {"path": "/", "maxSessionDuration": 3600}
    computed = ("arn", "createDate", "uniqueId", "tagsAll")
    tagged = True

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """The name."""
        return str(values["name"])

    def found(self, aws: Clients, values: Values, urn: str) -> str | None:
        """By name."""
        name = str(values["name"])
        if self.read(aws, name) is None:
            return None
        if marked(aws.iam.list_role_tags(RoleName=name)["Tags"], urn):
            return name
        raise exists_already("IAM role", name)

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """With its trust policy and tags."""
        request: dict[str, Any] = {
            "RoleName": values["name"],
            "Path": values.get("path") or "/",
            "AssumeRolePolicyDocument": values["assumeRolePolicy"],
            "Tags": tag_list(all_tags(aws, values), urn),
        }
        for name, api in (
            ("description", "Description"),
            ("maxSessionDuration", "MaxSessionDuration"),
            ("permissionsBoundary", "PermissionsBoundary"),
        ):
            if values.get(name):
                request[api] = values[name]
        aws.iam.create_role(**request)
        return str(values["name"])

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """Trust policy, description, session length, boundary, tags."""
        if not old:
            return
        aws.iam.update_assume_role_policy(RoleName=id_, PolicyDocument=new["assumeRolePolicy"])
        aws.iam.update_role(
            RoleName=id_,
            Description=new.get("description") or "",
            MaxSessionDuration=new.get("maxSessionDuration") or 3600,
        )
        if old.get("permissionsBoundary") != new.get("permissionsBoundary"):
            if new.get("permissionsBoundary"):
                aws.iam.put_role_permissions_boundary(RoleName=id_, PermissionsBoundary=new["permissionsBoundary"])
            else:
                aws.iam.delete_role_permissions_boundary(RoleName=id_)
        retag(
            aws.iam.list_role_tags(RoleName=id_)["Tags"],
            all_tags(aws, new),
            urn,
            untag=lambda keys: aws.iam.untag_role(RoleName=id_, TagKeys=keys),
            tag=lambda tags: aws.iam.tag_role(RoleName=id_, Tags=tags),
        )

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """The role."""
        try:
            role = aws.iam.get_role(RoleName=id_)["Role"]
        except Exception as error:
            if gone(error, ABSENT):
                return None
            raise
        return {
            "name": role["RoleName"],
            "path": role["Path"],
            "arn": role["Arn"],
            "uniqueId": role["RoleId"],
            "createDate": role["CreateDate"].isoformat(),
            "description": role.get("Description", ""),
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "assumeRolePolicy": document(role["AssumeRolePolicyDocument"]),
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            **tags_out(aws, aws.iam.list_role_tags(RoleName=id_)["Tags"]),
        }

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """Refused by IAM while policies are attached, unless `forceDetachPolicies` says to detach them first."""
        try:
            if values.get("forceDetachPolicies"):
                for policy in aws.iam.list_attached_role_policies(RoleName=id_)["AttachedPolicies"]:
                    aws.iam.detach_role_policy(RoleName=id_, PolicyArn=policy["PolicyArn"])
            aws.iam.delete_role(RoleName=id_)
        except Exception as error:
            if not gone(error, ABSENT):
                raise


def document(value: Any) -> str:
    """A document as text: boto3 parses some, AWS quotes some."""
    return unquote(value) if isinstance(value, str) else json.dumps(value)
