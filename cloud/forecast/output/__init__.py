"""What a forecast says of a plot, a pest and a day, and how it is put together."""
