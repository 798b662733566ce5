"""Dragon fruit: diseases by organ, fruit fly, rules."""
