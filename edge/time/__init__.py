"""What time it is: sources, the best of them, and what is done while nobody knows."""
