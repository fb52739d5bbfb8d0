# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model published in 2023, on the measurement of a row."""

import published_model

from dirtyaccuracy.cases import MIB, Case
from dirtyaccuracy.prediction import Interval, Prediction
from dirtylab import network


def predict(case: Case, reply: dict) -> Prediction:
    """What it foretells. It knows no method but plain pre-copy, whatever the case's is."""
    # It is given all it takes into account: the rate at which the migration may send, after headers.
    payload = network.parse(case.link).payload()
    if case.max_bandwidth:
        payload = min(payload, case.max_bandwidth * MIB)
    ms = published_model.migration_ms(reply, payload, case.downtime_ms)
    if ms is None:
        return Prediction(converges=False, verdict="does not converge")
    return Prediction(converges=True, verdict="converges", total=Interval(ms))
