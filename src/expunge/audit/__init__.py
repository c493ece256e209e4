"""Measures of a forgetting, one a file, always beside the original, the oracle and a second oracle."""
