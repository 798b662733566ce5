"""Insects: development by degree-days."""
