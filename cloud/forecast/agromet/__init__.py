"""Agro-meteorology: humidity, radiation, reference evapotranspiration, degree-days, leaf wetness."""
