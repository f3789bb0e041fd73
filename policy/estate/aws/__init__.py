"""Buckets, keys and identities of AWS, as a Pulumi stack declares them, and what their policies decide."""
