"""How good issued forecasts were."""
