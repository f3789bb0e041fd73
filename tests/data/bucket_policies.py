"""The policies that a BackupBucket of the stack `infra` registers, for a store of the tests."""

import json

import pulumi
import pulumi_aws
import rendered
from judged_store import Identity, Policies
from object_store import REGION, ObjectStore
from recorder import run
from stack_samples import changed

from seawall.components.aws.backup_bucket import BackupBucket
from seawall.components.cnpg.buckets import bucket_args
from seawall.components.settings import load

ADMIN = "admin"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
"""What an administrator of the account may do."""


def policies(store: ObjectStore) -> Policies:
    """Registers the bucket as the stack does, and reads the documents from what was registered.

    `writer` and `reader` are the identities that the component makes, `admin` is one who may do everything.
    """
    cluster = f"cnpg.clusters.{rendered.CLUSTER}.backup.bucket"
    settings = load(changed(("aws.buckets", {store.bucket: {}}), (cluster, store.bucket), stack="infra"))
    assert settings.aws is not None and settings.cnpg is not None
    args = bucket_args(settings.aws, settings.cnpg)[store.bucket]

    def program() -> None:
        account = pulumi_aws.Provider("account", region=REGION)
        BackupBucket("store", args, pulumi.ResourceOptions(providers=[account]))

    made = run(program)

    def document(resource: str) -> str:
        # The recorder gives the key an ARN of its own, AWS would give it the one that the store's key has.
        return str(made.inputs(resource)["policy"]).replace("arn:aws:test:::store-key", store.key)

    people = {
        role: Identity(args.identity_arn(role), document(f"store-{role}-policy")) for role in ("writer", "reader")
    }
    account = f"arn:aws:iam::{settings.aws.account}"
    people[ADMIN] = Identity(f"{account}:role/somebody-with-everything", json.dumps(EVERYTHING))
    return Policies(document("store-policy"), document("store-key"), people, f"{account}:root")
