"""Methods for models of arrays, with numpy, scipy and scikit-learn: the base install."""
