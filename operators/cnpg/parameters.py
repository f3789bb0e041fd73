"""PostgreSQL parameters as CloudNativePG treats them. Facts are those of operator 1.30.0 (source)."""

MAX_CONNECTIONS_DEFAULT = 100
SUPERUSER_RESERVED_DEFAULT = 3
RESERVED_DEFAULT = 0
"""PostgreSQL's own defaults of `max_connections`, `superuser_reserved_connections` and `reserved_connections`."""

# fmt: off
OPERATOR_OWNED = frozenset({
    "allow_system_table_mods", "archive_cleanup_command", "archive_command", "archive_mode", "bonjour",
    "bonjour_name", "cluster_name", "config_file", "data_directory", "data_sync_retry", "event_source",
    "external_pid_file", "hba_file", "hot_standby", "ident_file", "jit_provider", "listen_addresses",
    "log_destination", "log_directory", "log_file_mode", "log_filename", "log_rotation_age", "log_rotation_size",
    "log_truncate_on_rotation", "logging_collector", "pg_failover_slots.primary_dsn",
    "pg_failover_slots.standby_slot_names", "port", "primary_conninfo", "primary_slot_name", "promote_trigger_file",
    "recovery_end_command", "recovery_min_apply_delay", "recovery_target", "recovery_target_action",
    "recovery_target_inclusive", "recovery_target_lsn", "recovery_target_name", "recovery_target_time",
    "recovery_target_timeline", "recovery_target_xid", "restart_after_crash", "restore_command",
    "shared_preload_libraries", "ssl", "ssl_ca_file", "ssl_cert_file", "ssl_crl_file", "ssl_dh_params_file",
    "ssl_ecdh_curve", "ssl_key_file", "ssl_passphrase_command", "ssl_passphrase_command_supports_reload",
    "ssl_prefer_server_ciphers", "stats_temp_directory", "synchronized_standby_slots", "synchronous_standby_names",
    "syslog_facility", "syslog_ident", "syslog_sequence_numbers", "syslog_split_messages", "temp_tablespaces",
    "unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
})
# fmt: on
"""Parameters that CloudNativePG 1.30 sets itself or blocks; its webhook refuses them."""

WRITTEN_BY_OPERATOR = {
    "archive_mode": ("on", "off", "always"),
    "log_destination": ("csvlog",),
    "log_directory": ("/controller/log",),
    "log_filename": ("postgres",),
    "log_rotation_age": ("0",),
    "log_rotation_size": ("0",),
    "log_truncate_on_rotation": ("false",),
    "logging_collector": ("on",),
    "shared_preload_libraries": ("",),
}
"""Those of them that the operator's defaulting writes into the resource itself, and takes back with these values only:
a Cluster that was read from a cluster has them."""

OFF = ("off", "false", "no", "0")
ON = ("on", "true", "yes", "1")

UNSAFE: dict[str, tuple[tuple[str, ...], str]] = {
    "fsync": (OFF, "a crash would corrupt the data"),
    "full_page_writes": (OFF, "a crash would corrupt the data"),
    "ignore_checksum_failure": (ON, "corrupt pages would be read as data"),
    "wal_log_hints": (OFF, "a former primary could not rejoin with pg_rewind"),
    "wal_level": (("minimal",), "nothing could be archived or replicated"),
}
"""Parameter → values that put the data at risk, and why."""

OLD_TLS = ("TLSv1", "TLSv1.1")
"""Values of `ssl_min_protocol_version` and `ssl_max_protocol_version` that mean a broken TLS. The operator's default of
both is TLSv1.3."""
