"""Training in one thread, so that the bits of a run can be compared."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Two threads and one add in another order; bits are compared here."""
    torch.set_num_threads(1)
