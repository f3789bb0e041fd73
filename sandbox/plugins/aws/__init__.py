"""Stand-in for the vendor's AWS provider plugin: S3, KMS and IAM of the sandbox's API server, through boto3."""
