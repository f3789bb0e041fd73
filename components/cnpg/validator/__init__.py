"""What runs inside the validation CronJob. These files go into a ConfigMap as they are: they import nothing of ours.

Needed besides the standard library: boto3; for archives compressed with them lz4, zstandard or cramjam (snappy). The
barman sidecar's image has all of them. Start: `python -B -m validator [--deep] [--all]`; see docs/validator.md.
"""
