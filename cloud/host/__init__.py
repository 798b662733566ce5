"""The host application: one supervisor that owns STATE, liveness, sequence, rebirths and commands."""
