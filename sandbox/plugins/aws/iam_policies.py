"""aws:iam/policy:Policy and the attachments of policies to users and roles."""

from abc import abstractmethod
from typing import Any, ClassVar, Final

from seawall.sandbox.plugins.aws.clients import Clients
from seawall.sandbox.plugins.aws.iam import ABSENT, document
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
from seawall.sandbox.plugins.aws.schema import Document, Schema, Tags, equivalent
from seawall.sandbox.plugins.errors import PluginError

_VERSIONS: Final = 5  # IAM keeps this many versions of a policy


class Policy(AwsResource):
    """A managed policy. A new document is a new version, as in AWS."""

    token = "aws:iam/policy:Policy"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "name": str,
        "path": str,
        "description": str,
        "policy": Document(),
        "tags": Tags(),
    }
    required = ("name", "policy")
    replaced_by = ("name", "path", "description")
    defaults: ClassVar[dict[str, object]] = {"path": "/"}
    computed = ("arn", "attachmentCount", "policyId", "tagsAll")
    tagged = True

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """The ARN, which follows from account, path and name."""
        return f"arn:aws:iam::{aws.account}:policy{values.get('path') or '/'}{values['name']}"

    def found(self, aws: Clients, values: Values, urn: str) -> str | None:
        """By ARN."""
        arn = str(self.id_of(aws, values))
        if self.read(aws, arn) is None:
            return None
        if marked(aws.iam.list_policy_tags(PolicyArn=arn)["Tags"], urn):
            return arn
        raise exists_already("IAM policy", arn)

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """With its document and tags."""
        made = aws.iam.create_policy(
            PolicyName=values["name"],
            Path=values.get("path") or "/",
            Description=values.get("description") or "",
            PolicyDocument=values["policy"],
            Tags=tag_list(all_tags(aws, values), urn),
        )
        return made["Policy"]["Arn"]

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """The document as a new default version; the oldest makes room. Then the tags."""
        if not old:
            return
        if not equivalent(self.schema["policy"], old.get("policy"), new["policy"]):
            versions = aws.iam.list_policy_versions(PolicyArn=id_)["Versions"]
            spare = sorted((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: v["CreateDate"])
            if len(versions) >= _VERSIONS:
                aws.iam.delete_policy_version(PolicyArn=id_, VersionId=spare[0]["VersionId"])
            aws.iam.create_policy_version(PolicyArn=id_, PolicyDocument=new["policy"], SetAsDefault=True)
        retag(
            aws.iam.list_policy_tags(PolicyArn=id_)["Tags"],
            all_tags(aws, new),
            urn,
            untag=lambda keys: aws.iam.untag_policy(PolicyArn=id_, TagKeys=keys),
            tag=lambda tags: aws.iam.tag_policy(PolicyArn=id_, Tags=tags),
        )

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """The policy with its default version."""
        try:
            policy = aws.iam.get_policy(PolicyArn=id_)["Policy"]
            version = aws.iam.get_policy_version(PolicyArn=id_, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        except Exception as error:
            if gone(error, ABSENT):
                return None
            raise
        return {
            "name": policy["PolicyName"],
            "path": policy["Path"],
            "arn": policy["Arn"],
            "policyId": policy["PolicyId"],
            "attachmentCount": policy.get("AttachmentCount", 0),
            "description": policy.get("Description", ""),
            "policy": document(version["Document"]),
            **tags_out(aws, aws.iam.list_policy_tags(PolicyArn=id_)["Tags"]),
        }

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """With its older versions, which IAM wants deleted first. Refused while it is attached, as by AWS."""
        attached = (self.read(aws, id_) or {}).get("attachmentCount")
        if attached:  # moto would delete it
            raise PluginError(f"{id_}: DeleteConflict: Cannot delete a policy attached to entities ({attached}).")
        try:
            for version in aws.iam.list_policy_versions(PolicyArn=id_)["Versions"]:
                if not version["IsDefaultVersion"]:
                    aws.iam.delete_policy_version(PolicyArn=id_, VersionId=version["VersionId"])
            aws.iam.delete_policy(PolicyArn=id_)
        except Exception as error:
            if not gone(error, ABSENT):
                raise


class Attachment(AwsResource):
    """A managed policy on an identity; IAM takes the same attachment twice."""

    holder: ClassVar[str]

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """`<name>/<policy ARN>`, as the vendor imports it."""
        return f"{values[self.holder]}/{values['policyArn']}"

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """Whether the policy is attached."""
        name, arn = _split(id_)
        try:
            attached = self.attached(aws, name)
        except Exception as error:
            if gone(error, ABSENT):
                return None
            raise
        return {self.holder: name, "policyArn": arn} if arn in attached else None

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """Attaches."""
        self.attach(aws, str(values[self.holder]), str(values["policyArn"]))
        return str(self.id_of(aws, values))

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """Detaches."""
        try:
            self.detach(aws, *_split(id_))
        except Exception as error:
            if not gone(error, ABSENT):
                raise

    @abstractmethod
    def attach(self, aws: Clients, name: str, arn: str) -> None:
        """Attach the policy to the identity."""

    @abstractmethod
    def detach(self, aws: Clients, name: str, arn: str) -> None:
        """Take the policy off the identity."""

    @abstractmethod
    def attached(self, aws: Clients, name: str) -> set[str]:
        """The ARNs of the identity's policies."""


class UserPolicyAttachment(Attachment):
    """A managed policy on a user."""

    token = "aws:iam/userPolicyAttachment:UserPolicyAttachment"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {"user": str, "policyArn": str}
    required = ("user", "policyArn")
    replaced_by = ("user", "policyArn")
    holder = "user"

    def attach(self, aws: Clients, name: str, arn: str) -> None:
        """Attach."""
        aws.iam.attach_user_policy(UserName=name, PolicyArn=arn)

    def detach(self, aws: Clients, name: str, arn: str) -> None:
        """Detach."""
        aws.iam.detach_user_policy(UserName=name, PolicyArn=arn)

    def attached(self, aws: Clients, name: str) -> set[str]:
        """All pages."""
        pages = aws.iam.get_paginator("list_attached_user_policies").paginate(UserName=name)
        return {str(p.get("PolicyArn")) for page in pages for p in page["AttachedPolicies"]}


class RolePolicyAttachment(Attachment):
    """A managed policy on a role."""

    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {"role": str, "policyArn": str}
    required = ("role", "policyArn")
    replaced_by = ("role", "policyArn")
    holder = "role"

    def attach(self, aws: Clients, name: str, arn: str) -> None:
        """Attach."""
        aws.iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    def detach(self, aws: Clients, name: str, arn: str) -> None:
        """Detach."""
        aws.iam.detach_role_policy(RoleName=name, PolicyArn=arn)

    def attached(self, aws: Clients, name: str) -> set[str]:
        """All pages."""
        pages = aws.iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
        return {str(p.get("PolicyArn")) for page in pages for p in page["AttachedPolicies"]}


def _split(id_: str) -> tuple[str, str]:
    name, _, arn = id_.partition("/")
    if not name or not arn.startswith("arn:"):
        raise PluginError(f"{id_!r} is not the id of an attachment: say <name>/<policy ARN>")
    return name, arn
