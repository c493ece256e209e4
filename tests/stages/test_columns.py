"""What stages ask of which column: no more than they need, and of no column that is not there."""

from __future__ import annotations

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from expunge.stages.columns import asked, has_encoder
from expunge.stages.expanded import Asked
from expunge.stages.specification import stages_of


def test_a_column_in_two_branches_is_asked_for_both() -> None:
    hot, filled = OneHotEncoder(), make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    choice = ColumnTransformer([("a", hot, ["x", "gone"]), ("b", filled, ["x"]), ("c", StandardScaler(), ["y"])])
    wanted = (Asked("x", value=True, levels=True, order=True), Asked("y"))
    assert asked(stages_of([choice]), ("x", "y", "z")) == wanted


def test_what_comes_after_the_choice_asks_too_and_the_rest_may_pass() -> None:
    choice = ColumnTransformer([("a", StandardScaler(), ["x"])], remainder="passthrough")
    made = asked(stages_of([choice, MinMaxScaler()]), ("x", "y"))
    assert made == (Asked("x", order=True), Asked("y", order=True))
    assert asked(stages_of([choice]), ("x", "y")) == (Asked("x"), Asked("y"))


def test_the_order_of_categories_is_not_asked_and_that_of_all_numbers_may_be() -> None:
    stages = stages_of([SimpleImputer(strategy="most_frequent"), OrdinalEncoder()])
    assert has_encoder(stages)
    assert asked(stages, ("x",), ordered=True) == (Asked("x", value=False, levels=True),)
    assert asked((), ("x",), ordered=True) == (Asked("x", order=True),)
