# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model published in 2023, on the measurement of a row."""

import published_model

from dirtyaccuracy.cases import Case
from dirtyaccuracy.prediction import Interval, Prediction
from dirtyaccuracy.wire import payload


def predict(case: Case, reply: dict) -> Prediction:
    """What it foretells. It knows no method but plain pre-copy, whatever the case's is."""
    # It is given all it takes into account: the rate at which the migration may send, after headers.
    ms = published_model.migration_ms(reply, payload(case), case.downtime_ms)
    if ms is None:
        return Prediction(converges=False, verdict="does not converge")
    return Prediction(converges=True, verdict="converges", total=Interval(ms))
