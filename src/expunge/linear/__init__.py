"""Linear models as convex objectives: optima, curvature, how far from the optimum, and what a release may say."""
