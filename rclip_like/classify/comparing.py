"""Compare two lists of labels: which pictures get one of the added labels instead of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from rclip_like.classify.labelling import Labelling, ZeroShot
from rclip_like.classify.values import LabelScore, RelabelledPicture
from rclip_like.evaluate.zero_shot import softmax


class Comparison:
    """The pictures whose likeliest label is an added one, in order of path bytes; iterable once.

    labelling: zero-shot, with `num_before` labels and then the added ones. taken: by (before,
    after), how many pictures an added label takes from another label; complete after the last
    picture, like the counts of `labelling`.
    """

    def __init__(self, labelling: Labelling, num_before: int) -> None:
        assert isinstance(labelling.scorer, ZeroShot), "a probe's labels are those it learned"
        self.labelling = labelling
        self.added = labelling.labels[num_before:]
        self.taken: Counter[tuple[str, str]] = Counter()
        self._num_before = num_before
        self._logit_scale = np.float32(labelling.scorer.logit_scale)

    def __iter__(self) -> Iterator[RelabelledPicture]:
        labels, num_before = self.labelling.labels, self._num_before
        for pictures, (scores, probabilities) in self.labelling.scored():
            after = scores.argmax(1)
            for number in np.flatnonzero(after >= num_before).tolist():
                of_before = scores[number, :num_before]
                first, last = int(of_before.argmax()), int(after[number])
                share = softmax(self._logit_scale * of_before)[first]
                was = LabelScore(labels[first], float(share), float(of_before[first]))
                probability, score = probabilities[number, last], scores[number, last]
                now = LabelScore(labels[last], float(probability), float(score))
                self.taken[was.label, now.label] += 1
                picture, model = pictures[number], self.labelling.model
                yield RelabelledPicture(picture.path_bytes, picture.absolute_bytes, was, now, model)
