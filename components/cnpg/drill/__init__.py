"""The restore drill: a CronJob that restores a cluster's backups in a namespace of its own, and what belongs to it."""
