"""PostgreSQL inside a Cluster: access lines, roles, databases and certificates."""
