"""Methods that change a trained network: each wraps the `TorchLearner` that made it, and claims `Empirical` at most."""
