"""Probes: small CronJobs that measure the services as their clients see them."""
