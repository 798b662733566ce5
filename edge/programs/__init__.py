"""Lighting programs: what lamps do by themselves, with the cloud gone."""
