"""`kega edge`: the agent, and what a technician needs in front of a cabinet."""
