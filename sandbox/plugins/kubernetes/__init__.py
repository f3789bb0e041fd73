"""Stand-in for the vendor's Kubernetes provider plugin: server-side apply against the sandbox's API server."""
