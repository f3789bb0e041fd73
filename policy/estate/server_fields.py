"""What the API server and `kubectl apply` write into an object's metadata, and no rule reads."""

OWN_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
"""Of `metadata`: the API server's own."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation with the whole object once more, as it was applied last."""
