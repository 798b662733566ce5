"""Data in and out by files: export, import of history, backup."""
