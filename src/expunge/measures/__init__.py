"""Scores of records under models: what methods and audit share. Nothing here knows a method."""
