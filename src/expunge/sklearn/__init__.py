"""The estimator faces: a user of scikit-learn sees ``fit``, ``predict``, ``quote`` and ``forget``."""

from expunge.sklearn.estimators import ExpungeClassifier, ExpungeRegressor

__all__ = ["ExpungeClassifier", "ExpungeRegressor"]
