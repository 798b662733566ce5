"""Pest and disease forecasts: agro-meteorology and models as pure functions of weather and parameters."""
