"""Gradients of a batch that is too large for memory: its embeddings cached, its pieces run twice.

First all pieces are encoded without a graph. The loss of the embeddings gives their gradients,
and with these each piece is encoded again and run backwards (Gao et al. 2021, "Scaling deep
contrastive learning batch size under memory limited setup", section 3). The result is exact, for
the random state of each piece is restored: what dropout drops is the same both times. It holds for
towers that encode each picture alone; batch norms in training mode would not, and a learner has
none.

Shape suffixes: N pairs of a batch, n of a piece, D embedding's dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

EncodePart = Callable[[slice], torch.Tensor]
"""From a part of a batch to its embeddings (n, D), with a graph where gradients are enabled."""


def pieces(num_pairs: int, size: int | None) -> list[slice]:
    """Return the parts of a batch: one if size is None, else as few and as equal as can be.

    None has more than `size` pairs; they differ by one at most.
    """
    number = math.ceil(num_pairs / (size or num_pairs))
    bounds = [piece * num_pairs // number for piece in range(number + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


class RandomState(NamedTuple):
    """The state of torch's generators on the CPU and, if the model lies there, on a device."""

    cpu: torch.Tensor
    device: torch.Tensor | None

    @staticmethod
    def of(device: torch.device) -> RandomState:
        """Return the state now."""
        cpu = torch.get_rng_state()
        if device.type == "cuda":
            return RandomState(cpu, torch.cuda.get_rng_state(device))
        return RandomState(cpu, torch.mps.get_rng_state() if device.type == "mps" else None)

    def restore(self, device: torch.device) -> None:
        """Go back to this state."""
        torch.set_rng_state(self.cpu)
        if self.device is not None and device.type == "cuda":
            torch.cuda.set_rng_state(self.device, device)
        elif self.device is not None:
            torch.mps.set_rng_state(self.device)


class Cached(NamedTuple):
    """The embeddings of a batch, which take their gradients, and how each piece was encoded."""

    embeddings_ND: torch.Tensor
    encode: EncodePart
    parts: Sequence[slice]
    states: Sequence[RandomState]

    def backward(self, device: torch.device) -> None:
        """Add what the embeddings' gradients mean for the parameters; encodes once more.

        Leaves the random state somewhere in the batch.
        """
        gradients_ND = self.embeddings_ND.grad
        assert gradients_ND is not None, "the loss runs backwards first"
        for part, state in zip(self.parts, self.states, strict=True):
            state.restore(device)
            embeddings_nD = self.encode(part)
            if not embeddings_nD.requires_grad:  # a tower of which nothing is trained
                return
            embeddings_nD.backward(gradients_ND[part])  # type: ignore[no-untyped-call]


@torch.no_grad()
def encode_in_pieces(encode: EncodePart, parts: Sequence[slice], device: torch.device) -> Cached:
    """Return the embeddings of all parts, in order, encoded without a graph."""
    states, encoded = [], []
    for part in parts:
        states.append(RandomState.of(device))
        encoded.append(encode(part))
    return Cached(torch.cat(encoded).requires_grad_(), encode, parts, states)
