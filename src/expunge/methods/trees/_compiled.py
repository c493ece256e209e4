"""How the kernels of this shelf are compiled: once, kept on disk, without the interpreter's lock, without fast math.

Only correctly rounded operations decide anything, so that a kernel gives the same bits on every machine. What is kept
on disk is found again only while *all* kernels of the shelf are what they were: a kernel holds the code of those that
it calls, and numba by itself looks at the file of the kernel alone. Where neither this folder nor a home may be
written, nothing is kept, and each process compiles for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import cgutils, types
from numba.extending import intrinsic

A = TypeVar("A")
F = TypeVar("F", bound=Callable[..., Any])


@cache
def sources(folder: Path) -> str:
    """A digest of all modules of a folder that have kernels."""
    state = blake2b(digest_size=16)
    for file in sorted(folder.glob("*.py")):
        content = file.read_bytes()
        if b"_compiled import" in content or b"import numba" in content:
            state.update(file.name.encode() + b"\0" + content + b"\0")
    return state.hexdigest()


def kernel(function: F) -> F:
    """The function, compiled when it is first called."""
    return _compiled(function, counted=True)


def uncounted(function: F) -> F:
    """A kernel that counts no references to the arrays it is given: one that makes none, and hands none out.

    It becomes part of whoever calls it: a call hands over each array as seven words or more, which is what a call of
    so little work costs.
    """
    return _compiled(function, counted=False)


def _compiled(function: F, *, counted: bool) -> F:
    options: dict[str, Any] = {"_nrt": counted}  # said in so many words: else whoever calls it first decides
    options["forceinline"] = not counted
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        made = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder to keep it in
        return cast("F", numba.njit(**options)(function))
    kept: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if hasattr(kept, "_version"):  # what is compared before anything that was kept is unpickled
        kept._version = f"{kept._version} {sources(Path(__file__).parent)}"  # noqa: SLF001  (see above)
        kept.save = partial(keep, kept)
    return cast("F", made)


def keep(kept: Any, key: tuple[Any, ...], data: Any) -> None:
    """Write compiled code to a file named by its types and machine, and then the index that leads to it.

    numba numbers these files and writes the index first: of two processes that compile a kernel for different types at
    the same time, one would be led to the code of the other.
    """
    types_and_machine = repr(key[:2]).encode()
    stem = kept._index_name.removesuffix(".nbi")  # noqa: SLF001  (numba has no other way)
    name = f"{stem}.{blake2b(types_and_machine, digest_size=8).hexdigest()}.nbc"
    kept._save_data(name, data)  # noqa: SLF001
    known = kept._load_index()  # noqa: SLF001
    if known.get(key) != name:
        kept._save_index(known | {key: name})  # noqa: SLF001


@intrinsic
def _lent(_: Any, array: Any) -> Any:
    """The view without its counter."""

    def written(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        nothing: Any = cgutils.get_null_value
        view = context.make_array(array)(context, builder, arguments[0])
        view.meminfo = nothing(view.meminfo.type)
        view.parent = nothing(view.parent.type)
        return view._getvalue()  # noqa: SLF001  (numba's way of saying so)

    return array(array), written


@kernel
def lent(array: A) -> A:
    """A view of an array that counts no references, which whoever called the kernel keeps alive.

    Taking an array out of a tuple costs an atomic addition, taking a lent one costs nothing. Only what a kernel was
    given may be lent: what it made itself is freed where its name stands last, whoever has a view of it.
    """
    return _lent(array)  # type: ignore[call-arg]  # numba hands the context over


@intrinsic
def _fetch(_: Any, table: Any, row: Any, column: Any) -> Any:
    """The processor's own word for it."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tools: Any = cgutils
        view, words = context.make_array(table)(context, builder, arguments[0]), tools.ir.IntType(32)
        place = [context.cast(builder, arguments[k], signature.args[k], types.intp) for k in (1, 2)]
        line = builder.bitcast(tools.get_item_pointer(context, builder, table, view, place), tools.voidptr_t)
        kind = tools.ir.FunctionType(tools.ir.VoidType(), [tools.voidptr_t, words, words, words])
        prefetch = tools.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [line, words(0), words(3), words(1)])  # to be read, kept close by, of data
        return context.get_dummy_value()

    return types.none(table, row, column), written


LINE = 64  # bytes that memory hands over at a time


@uncounted
def ask_for(table: Any, row: int) -> None:
    """Ask memory for a row that is going to be read, and do not wait for it: it changes nothing but the time."""
    for column in range(0, table.shape[1], LINE // table.itemsize):
        _fetch(table, row, column)  # type: ignore[call-arg]  # numba hands the context over
