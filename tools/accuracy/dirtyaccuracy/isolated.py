# SPDX-License-Identifier: LGPL-2.1-or-later
"""A function in a process of its own, which can be ended whatever it hangs in."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection

from dirtylab.errors import LabError

# A fork, as the function and what it uses need not be told to the new process then.
CONTEXT = multiprocessing.get_context("fork")


def _work(function: Callable[[], dict], answer: Connection) -> None:
    try:
        answer.send((function(), None))
    except LabError as error:
        answer.send((None, str(error)))
    except KeyboardInterrupt:
        pass  # the parent has it too
    except Exception as error:  # pylint: disable=broad-exception-caught
        # Of one case of many: the others go on, and this one's row says what it was.
        answer.send((None, f"{type(error).__name__}: {error}"))


def call(function: Callable[[], dict], seconds: float) -> dict:
    """What the function returns. LabError for its error, or if it has not returned in time."""
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_work, args=(function, there))
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            raise LabError(f"it has not ended in {seconds:g} s")
        found, error = here.recv()
    except EOFError:
        raise LabError("its process has ended without a word") from None
    finally:
        _end(process)
        here.close()
    if error is not None:
        raise LabError(error)
    return found


def _end(process: multiprocessing.Process) -> None:
    """Waits for a process that is about to end, and ends one that is not."""
    process.join(1)
    process.kill()
    process.join()
