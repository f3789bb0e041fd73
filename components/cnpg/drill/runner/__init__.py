"""The restore drill's runner: restores a cluster's backups beside it, asks the result questions, and removes it again.

Runs in the barman sidecar's image, which has Python, boto3 and psycopg2 and no shell; started as `python -B -m runner`.
"""
