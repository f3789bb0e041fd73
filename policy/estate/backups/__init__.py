"""Where backups go, which jobs look at them or restore them, and who may read and write them."""
