"""A network on its way to having forgotten: copies, orders, visits, statistics, and what is left in the end."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from expunge import Correction, Records, Run, TorchLearner, fingerprint
from expunge.errors import LearnError
from expunge.learners.torch.early import held_out
from expunge.methods.torch._unlearning import Unlearning, evaluated
from expunge.methods.torch.finetune import Finetune
from expunge.testing import patients
from expunge.testing.networks import Cnn, dropping, mlp, pictures
from expunge.testing.requests import in_text, rows_like

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
SHORT = TorchLearner(mlp, SGD, epochs=4, batch_size=8)
TARGET = Records([5, 394])
Opened: TypeAlias = "Callable[..., AbstractContextManager[Unlearning]]"
RUN = Run(key=b"a key for tests")
quick = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def own(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """A loss like no other."""
    return 100 + outputs[torch.arange(len(targets)), targets] ** 2


def memory(module: nn.Module) -> set[int]:
    return {held.data_ptr() for held in module.state_dict().values()}


# -- networks ----------------------------------------------------------------------------------------------------------


def test_student_teacher_fresh_and_copy_share_nothing(at_work: Opened) -> None:
    with at_work(Finetune(replace(SHORT, factory=Cnn)), pictures(24), TARGET) as work:
        made = [work.student, work.teacher(), work.original(), work.fresh("a"), work.copy()]
        assert len(set().union(*map(memory, made))) == sum(len(memory(each)) for each in made)
        held = {array.ctypes.data for array in (work.model.weights or {}).values()}
        assert not held & set().union(*map(memory, made))
        before = fingerprint(work.model)
        for each in made:
            for tensor in each.state_dict().values():
                tensor.zero_()
        assert fingerprint(work.model) == before


def test_the_student_trains_and_the_teacher_does_not(at_work: Opened) -> None:
    with at_work(Finetune(replace(SHORT, factory=Cnn)), pictures(24), TARGET) as work:
        assert all(part.training for part in work.student.modules())
        assert all(held.requires_grad for held in work.student.parameters())
        assert not any(part.training for part in work.teacher().modules())
        assert not any(held.requires_grad for held in work.teacher().parameters())


def test_a_fresh_network_belongs_to_its_names(at_work: Opened) -> None:
    with at_work(Finetune(SHORT), patients(), TARGET) as work:
        made = [work.fresh(*names).state_dict() for names in (("a",), ("a",), ("b",), ("a", 1))]
        same = [all(torch.equal(made[0][name], each[name]) for name in each) for each in made]
        assert same == [True, True, False, False]


# -- records -----------------------------------------------------------------------------------------------------------


@quick
@given(st.permutations(range(40)), st.integers(1, 50), st.integers(0, 3), st.booleans())
def test_batches_hold_everybody_once_in_an_order_of_the_ids(
    at_work: Opened,
    rows: list[int],
    size: int,
    epoch: int,
    text: bool,  # noqa: FBT001  (drawn)
) -> None:
    data = in_text(patients()) if text else patients()
    target = Records(data.ids[:3] if isinstance(data.ids, np.ndarray) else data.ids.to_pylist()[:3])
    with (
        at_work(Finetune(SHORT), data, target) as one,
        at_work(Finetune(SHORT), data.take(np.array(rows)), target) as other,
    ):
        for mine, theirs in zip(
            (*one.retained.batches(epoch, size), *one.forgotten.batches(epoch, size), *one.retained.chunks(size)),
            (*other.retained.batches(epoch, size), *other.forgotten.batches(epoch, size), *other.retained.chunks(size)),
            strict=True,
        ):
            assert torch.equal(mine.given, theirs.given)
            assert torch.equal(mine.target, theirs.target)
        for records in (one.retained, one.forgotten):
            for found in (list(records.batches(epoch, size)), list(records.chunks(size))):
                met = np.concatenate([batch.rows for batch in found])
                assert sorted(met) == list(range(len(records)))
                assert max(len(batch.rows) for batch in found) <= size + (size > 1)


def test_orders_differ_by_epoch_and_side_and_go_round(at_work: Opened) -> None:
    with at_work(Finetune(SHORT), patients(), Records(patients().ids[:20])) as work:
        first, second = (np.concatenate([batch.rows for batch in work.retained.batches(k)]) for k in (0, 1))
        assert not np.array_equal(first, second)
        around = work.retained.cycle()
        assert [next(around).rows.tolist() for _ in range(7)] == [
            batch.rows.tolist() for k in range(3) for batch in work.retained.batches(k)
        ][:7]
        assert list(work.records(work.retained.data.take(slice(0, 0)), "none").cycle()) == []
        other = work.records(work.retained.data, "another name")
        assert other.data.ids.tolist() != work.retained.data.ids.tolist()


def test_a_record_is_what_its_row_says(at_work: Opened) -> None:
    data = patients()
    with at_work(Finetune(SHORT), data, TARGET) as work:
        batch = next(work.retained.batches(0))
        rows = [data.ids.tolist().index(work.retained.data.ids[place]) for place in batch.rows]
        assert np.array_equal(batch.given.numpy(), np.asarray(data.features)[rows].astype(np.float32))
        assert [work.model.classes[k] for k in batch.target] == np.asarray(data.label)[rows].tolist()  # type: ignore[index]


@quick
@given(st.integers(1, 30), st.integers(1, 50), st.integers(0, 2), st.permutations(range(40)))
def test_a_mixture_holds_both_sides_once(at_work: Opened, gone: int, size: int, epoch: int, rows: list[int]) -> None:
    data, learner = patients(), replace(SHORT, batch_size=size)
    target, other = Records(data.ids[:gone]), data.take(np.array(rows))
    with at_work(Finetune(learner), data, target) as work, at_work(Finetune(learner), other, target) as same:
        mixed = list(work.mixed(work.retained, work.forgotten, epoch))
        for side, records in enumerate((work.retained, work.forgotten)):
            met = [batch for pair in mixed if (batch := pair[side]) is not None]
            assert sorted(np.concatenate([batch.rows for batch in met])) == list(range(len(records)))
        sizes = [sum(len(batch.rows) for batch in pair if batch is not None) for pair in mixed]
        assert all(found == size for found in sizes[:-1])
        for mine, theirs in zip(mixed, same.mixed(same.retained, same.forgotten, epoch), strict=True):
            for a, b in zip(mine, theirs, strict=True):
                assert (a is None) == (b is None)
                assert a is None or b is None or torch.equal(a.given, b.given)


def test_a_corrected_record_is_on_both_sides_and_seldom_in_one_batch(at_work: Opened) -> None:
    data = patients()
    with at_work(Finetune(SHORT), data, Correction(rows_like(data, data.ids[:20].tolist(), 1))) as work:
        assert len(work.retained) == 40
        assert len(work.forgotten) == 19  # one of the drawn rows says what was there
        places: list[dict[int, int]] = [{}, {}]
        for number, pair in enumerate(work.mixed(work.retained, work.forgotten, 0)):
            for side, (records, batch) in enumerate(zip((work.retained, work.forgotten), pair, strict=True)):
                if batch is not None:
                    places[side] |= dict.fromkeys(records.data.ids[batch.rows].tolist(), number)
        assert sum(places[0][name] != number for name, number in places[1].items()) > 10


# -- passes ------------------------------------------------------------------------------------------------------------


@quick
@given(st.lists(st.tuples(st.sampled_from(["train", "ask", "count"]), st.integers(1, 9)), max_size=6))
def test_visits_are_counted_a_third_for_a_look(at_work: Opened, passes: list[tuple[str, int]]) -> None:
    with at_work(Finetune(SHORT), patients(), TARGET) as work:
        for kind, many in passes:
            batch = work.retained.batch(np.arange(many))
            if kind == "count":
                work.count(many)
            else:
                work.outputs(batch) if kind == "train" else work.asked(work.student, batch)
        assert work.visits == math.ceil(sum(many if kind != "ask" else many / 3 for kind, many in passes) - 1e-9)


def assert_uncounted(at_work: Opened, make: Callable[[Unlearning, Any], Any]) -> None:
    """A pass after which batch norm has every bit of what it had, and trains on as it did."""
    with at_work(Finetune(replace(SHORT, factory=Cnn)), pictures(24), TARGET) as work:
        before = {name: held.clone() for name, held in work.student.named_buffers()}
        make(work, work.forgotten.batch(np.arange(2)))
        assert all(torch.equal(held, before[name]) for name, held in work.student.named_buffers())
        assert all(part.training for part in work.student.modules())


def test_forgotten_records_pass_batch_norm_uncounted(at_work: Opened) -> None:
    assert_uncounted(at_work, lambda work, batch: work.outputs(batch, count=False))
    assert_uncounted(at_work, lambda work, batch: work.asked(work.student, batch))
    with pytest.raises(AssertionError):  # a pass that counts is seen
        assert_uncounted(at_work, lambda work, batch: work.outputs(batch))


def test_a_single_record_has_no_variance_and_is_trained_on_all_the_same(at_work: Opened) -> None:
    with at_work(Finetune(replace(SHORT, factory=Cnn)), pictures(24), TARGET) as work:
        assert bool(torch.isfinite(work.outputs(work.forgotten.batch(np.arange(1)))).all())


def test_evaluation_mode_is_for_a_while_and_part_by_part() -> None:
    module = Cnn(3)
    module.seen.eval()
    modes = [part.training for part in module.modules()]
    with evaluated(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == modes
    with pytest.raises(RuntimeError), evaluated(module):
        module(torch.zeros(1, 9))  # fails
    assert [part.training for part in module.modules()] == modes


def test_losses_are_the_learners_and_fit_is_the_tasks(at_work: Opened) -> None:
    with at_work(Finetune(replace(SHORT, loss=own)), patients(), TARGET) as work:
        batch = work.retained.batch(np.arange(len(work.retained)))
        made = work.asked(work.student, batch)
        assert bool((work.losses(made, batch.target) > 99).all())
        said = torch.log_softmax(made, 1)[torch.arange(len(made)), batch.target]
        torch.testing.assert_close(work.fit(work.student, work.retained), said)
        assert len(work.fit(work.student, work.records(work.retained.data.take(slice(0, 0)), "none"))) == 0


def test_frozen_weights_are_not_optimised(at_work: Opened) -> None:
    with at_work(Finetune(SHORT), patients(), TARGET) as work:
        work.student.get_parameter("0.weight").requires_grad_(False)
        optimizer = work.optimizer(torch.optim.SGD, lr=1.0)
        assert sum(len(group["params"]) for group in optimizer.param_groups) == 3
        batch = work.retained.batch(np.arange(8))
        before = work.losses(work.asked(work.student, batch), batch.target).mean()
        optimizer.param_groups[0]["lr"] = 1e-2
        work.step(work.losses(work.outputs(batch), batch.target).mean(), optimizer)
        work.step(work.losses(work.outputs(batch), batch.target).mean(), optimizer)  # gradients do not add up
        assert work.losses(work.asked(work.student, batch), batch.target).mean() < before


def test_statistics_are_taken_anew_from_the_retained(at_work: Opened) -> None:
    """The mean over batches of each batch's mean and variance, whatever they were; the pace stays what it was."""
    with at_work(Finetune(replace(SHORT, factory=dropping)), patients(), TARGET) as work:
        norm = work.student.get_submodule("0")
        assert isinstance(norm, nn.BatchNorm1d)
        with torch.no_grad():
            norm.running_mean.fill_(1e6)  # type: ignore[union-attr]  # it has statistics
        before, weights = work.visits, work.student.get_parameter("1.weight").clone()
        work.renew_statistics()
        batches = [batch.given for batch in work.retained.batches(0)]
        torch.testing.assert_close(norm.running_mean, torch.stack([each.mean(0) for each in batches]).mean(0))
        torch.testing.assert_close(norm.running_var, torch.stack([each.var(0) for each in batches]).mean(0))
        assert norm.momentum == 0.1
        assert work.visits - before == math.ceil(38 / 3)
        assert torch.equal(work.student.get_parameter("1.weight"), weights)


def test_without_batch_norm_nothing_is_looked_at(at_work: Opened) -> None:
    with at_work(Finetune(SHORT), patients(), TARGET) as work:
        work.renew_statistics()
        assert work.visits == 0


# -- its end -----------------------------------------------------------------------------------------------------------


def test_what_was_written_down_of_the_forgotten_goes(at_work: Opened) -> None:
    data = patients()
    learner = replace(SHORT, shadow=0.4)
    corrected = Correction(rows_like(data, [783], 1))
    for target, gone in ((TARGET, {5, 394}), (corrected, {783})):  # what is logged of a corrected record is of the old
        with at_work(Finetune(learner), data, target) as work:
            net, old = work.net(), work.model
        assert net.log is not None
        assert old.log is not None
        assert net.shadow is not None
        assert old.shadow is not None
        for mine, before in ((net.log, old.log), (net.shadow, old.shadow)):
            assert set(before.ids.tolist()) - set(mine.ids.tolist()) == gone
        places = np.isin(old.log.ids, net.log.ids)
        assert np.array_equal(net.log.fit, old.log.fit[:, places], equal_nan=True)
        assert net.shadow.traces.shape[1] == len(net.shadow.ids) == len(net.shadow.hidden)
        assert int(net.shadow.hidden.sum()) == len(net.shadow.scores)
        assert net.going is None


def test_weights_that_are_no_numbers_are_a_sentence(at_work: Opened) -> None:
    with at_work(Finetune(SHORT), patients(), TARGET) as work:
        with torch.no_grad():
            work.student.get_parameter("2.bias")[0] = torch.nan
        with pytest.raises(LearnError, match=r"forgetting diverged: 2\.bias is no longer finite"):
            work.net()


def test_units_that_were_held_out_are_a_side_of_their_own(at_work: Opened) -> None:
    data, learner = patients(), replace(SHORT, validation=0.4)
    out = set(data.ids[held_out(data, RUN, 0.4)].tolist())
    with at_work(Finetune(learner), data, TARGET) as work:
        sides = [set(each.data.ids.tolist()) for each in (work.retained, work.forgotten, work.held_out)]
        assert sides[1] == {5, 394}
        assert sides[2] == out - sides[1]
        assert sides[0] == set(data.ids.tolist()) - sides[1] - sides[2]


def test_columns_in_another_order_are_the_same_columns() -> None:
    data, method = patients(), Finetune(SHORT, epochs=1)
    net = method.learn(data, RUN)
    other = data.select(data.names[::-1])
    ends = [fingerprint(method.forget(net, TARGET, each, RUN).model) for each in (data, other)]
    assert ends[0] == ends[1]
