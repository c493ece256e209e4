"""Inside a kernel what changed is what it was outside."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_lent_bundles_hold_the_same_arrays(plain: Any) -> None:
    k = plain()
    news = k.News(*(np.zeros(1) for _ in k.News._fields))
    desk = k.Desk(*(np.zeros(1) for _ in k.Desk._fields))
    for given, made in ((news, k.lent_news(news)), (desk, k.lent_desk(desk))):
        assert all(getattr(made, name) is getattr(given, name) for name in given._fields)
