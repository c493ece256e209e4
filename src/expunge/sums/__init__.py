"""Exact sums over records: fixed point with a declared range, products by limbs, and float64 only at the very end."""
