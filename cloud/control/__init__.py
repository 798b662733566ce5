"""Control: from a person's wish to a DCMD, repeated until the gateway reports what became of it."""
