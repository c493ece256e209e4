"""Whole pipelines forgotten as one model: scalers, imputers, encoders, components and words before a closed form.

A scaler that was fitted with a record carries it, and so do a vocabulary, a median and the list of categories. Here
the stages are read from scikit-learn's transformers as specifications and never fitted on rows: what each of them is
made of is a sum over the records (or a count of their values), and what comes out of them is a function of those sums.
So a deletion changes a few sums, and then every stage and the closed form are made again, exactly as if the record had
never been there.

Neighbours need the records themselves: these are kept as they came, and mapped by the stages of those that stay.

Claim: Exact. Sums are whole numbers, records and rows of words are kept in an order that ids decide, and the rest is a
function of both.

References
----------
Cao, Yang (2015), "Towards Making Systems Forget with Machine Unlearning", IEEE S&P, section III: models that are
functions of sums; here the stages before the model are too.

Examples
--------
>>> import pyarrow as pa
>>> from sklearn.feature_extraction.text import TfidfVectorizer
>>> from expunge import MultinomialNB, Records, Run, Table, fingerprint
>>> texts = ["call me later", "win a free prize", "free call now", "see you later"]
>>> table, run = Table.from_arrays(pa.table({"text": texts}), ["ham", "spam", "spam", "ham"]), Run(key=b"example")
>>> method = Pipeline([TfidfVectorizer(), MultinomialNB()])
>>> model = method.learn(table, run)
>>> done = method.forget(model, Records([1]), table, run)
>>> "prize" in model.solved.front.vocabulary, "prize" in done.model.solved.front.vocabulary
(True, False)
>>> fingerprint(done.model) == fingerprint(method.learn(table.after(Records([1])), run))
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from expunge.codec import fingerprint
from expunge.errors import ParameterError
from expunge.methods.arrays._closed import ClosedForm
from expunge.methods.arrays._neighbors import Neighbors
from expunge.methods.arrays._summed import Summed, of_fixed_point
from expunge.methods.arrays.categorical_nb import CategoricalNB
from expunge.stages.instances import Instances
from expunge.stages.specification import Branches, Vectorise, stages_of
from expunge.stages.tabular import Tabular
from expunge.stages.texts import Texts
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.stages.specification import Stage
    from expunge.stages.summary import Front
    from expunge.stages.weights import Terms
    from expunge.values import Scalar

    Held: TypeAlias = Tabular | Texts | Instances
    Last: TypeAlias = Summed | Neighbors | CategoricalNB
    Parts: TypeAlias = tuple[Held, Last, str]


@dataclass(frozen=True)
class Piped:
    """The stages as they are fitted now, and what the closed form solved behind them.

    Attributes
    ----------
    front : Front or Terms
    last : dataclass
    """

    front: Front | Terms
    last: Any


@dataclass(frozen=True)
class Pipeline(ClosedForm):
    """Stages, and a closed form at the end.

    Parameters
    ----------
    stages : sequence
        scikit-learn's transformers, read as specifications (StandardScaler, MinMaxScaler, MaxAbsScaler, SimpleImputer,
        OneHotEncoder, OrdinalEncoder, PCA, CountVectorizer, TfidfVectorizer, TfidfTransformer, ColumnTransformer with
        names of columns, or Pipelines of these), and last one of expunge's closed forms.

    Raises
    ------
    ParameterError
        For a transformer that is no stage, or has a parameter with which it cannot be one; in words.
    DataError
        For a column that a stage cannot take, and missing values that none fills.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    RefusedError
        From `forget`, whatever `quote` refuses.
    """

    stages: Sequence[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", _parts(self.stages))

    def set_params(self, **params: Any) -> Self:
        """As `Params`; the stages are read again."""
        made = super().set_params(**params)
        object.__setattr__(made, "_parts", _parts(made.stages))
        return made

    @property
    def last(self) -> Last:
        """The closed form."""
        return self._staged[1]

    @property
    def kind(self) -> Held:
        """Which sums are kept, and what beside them."""
        return self._staged[0]

    def recipe(self) -> str:
        """Digest of all stages and their parameters."""
        return self._staged[2]

    def solution(self, statistic: Any, width: int) -> Piped:
        """The stages as these records make them, and what the closed form makes of what comes out of them."""
        last: Any = self.last  # who takes what is solved from this kind
        front, summary = self.kind.solved(statistic)
        return Piped(front, last.solve(summary))

    def answers(self, solved: Piped, data: Table) -> NDArray[np.float64]:
        """What the closed form says of what the stages make of the records."""
        kind: Any = self.kind  # whose front this is
        return self.last.scores(solved.last, kind.matrix(solved.front, data))

    # -- the work ------------------------------------------------------------------------------------------------------

    def _classes(self, statistic: Any) -> tuple[Scalar, ...] | None:
        return self.kind.classes(statistic)

    def _without(self, statistic: Any, name: str, names: tuple[str, ...]) -> Any:
        return self.kind.without(statistic, name)  # a column takes its own places along

    def _assumptions(self) -> tuple[str, ...]:
        if isinstance(self.kind, Texts):
            return _OF_WORDS
        made = "stages are made of the same sums, and none is fitted on rows"
        if isinstance(self.kind, Tabular):
            return (*of_fixed_point(self.kind.fixed), made)
        kept = "records are kept as they came, and those that stay are mapped by the stages when the model is asked"
        return (*of_fixed_point(self.kind.fixed), made, kept)

    @property
    def _staged(self) -> Parts:
        held: Parts = self.__dict__["_parts"]
        return held


_OF_WORDS = (
    "words are what scikit-learn's analyser makes of a text, which learns nothing",
    "vocabulary, number of records and weights are those of the records that are there, summed in an order of ids",
    "parameters were not chosen by looking at what is forgotten",
)


def _parts(given: Any) -> Parts:
    """Which sums are kept, the closed form, and a digest of all that was given."""
    if isinstance(given, str) or not isinstance(given, Sequence) or not len(given):
        msg = f"Pipeline takes a sequence of stages, e.g. [StandardScaler(), Ridge()]; got {given!r}"
        raise ParameterError(msg)
    last, stages = given[-1], stages_of(given[:-1])
    if not isinstance(last, Summed | Neighbors | CategoricalNB):
        msg = f"the last stage of a Pipeline is a closed form of expunge, such as expunge.Ridge(); got {last!r}"
        raise ParameterError(msg)
    return _kind(stages, last), last, fingerprint((Pipeline, stages, last.recipe()))


def _kind(stages: tuple[Stage, ...], last: Last) -> Held:
    """Which sums are kept for a closed form behind these stages."""
    words = any(_of_words(stage) for stage in stages)
    if words and not isinstance(last, Summed):
        title = type(last).__name__
        msg = f"after words a Pipeline takes a closed form of sums, such as MultinomialNB; {title} is none"
        raise ParameterError(msg)
    if isinstance(last, Neighbors):
        return Instances(stages, responding=last.responding)
    if isinstance(last, CategoricalNB):
        return Tabular(stages, "categories")
    above = getattr(last, "binarize", None)
    if words:
        return Texts(stages, last.needs, above)
    fixed = Fixed(float(getattr(last, "resolution", 2.0**-32)))
    return Tabular(stages, last.needs, fixed, bool(getattr(last, "fit_intercept", True)), above)


def _of_words(stage: Stage) -> bool:
    if isinstance(stage, Branches):
        return any(_of_words(each) for stages, _ in stage.branches for each in stages)
    return isinstance(stage, Vectorise)
