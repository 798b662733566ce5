"""`python -m telemetry` is `kega`, for processes that start others with their own interpreter."""

from telemetry.cli import main

main()
