"""Who may do what: passwords, tokens, sessions, log-in, permissions."""
