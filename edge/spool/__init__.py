"""The spool: readings on disk between device and cloud, until an acknowledgement deletes them."""
