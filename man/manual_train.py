"""The manual's section on training: what it decides, what it measures, and what it cannot do."""

from __future__ import annotations

TRAINING = """\
*train* makes a model that knows your pictures and words better, from pictures with captions or with
labels, and says what that gained and what it cost. It begins with the model that a search would
use, or with *--model*, and writes a model folder; *--model DIR* searches with it. SETS says how
pictures and captions may lie on the disk.

The plan :: The number of pairs, the model and the machine decide what is trained and how; each
option changes one part of it and leaves the rest.

Presets :: *head* trains the two projections at the end of the towers, *last* the last layers too,
*all* everything, and *lora* low-rank additions to the attention layers, which are merged into the
weights at the end.

Gain :: With fewer than 1,000 pairs training runs five times, each time without another fifth of the
pairs, and finds the pairs that were held out; a last run learns from all of them. With more, one
tenth is held out. The report compares the trained model with the one that training began with:
recall@1, @5 and @10 from captions to pictures and from pictures to captions, with 95 % intervals.

What is forgotten :: A model that learns your pictures may become worse at all others. *--retain*
names a set on which that is measured.

The model that is saved :: Between the starting model (alpha 0) and the trained one (alpha 1) lie
models that gain less and forget less. Those at 0, 0.25, 0.5, 0.75 and 1 are measured, and the one
that gains most within one point of what is forgotten is saved. If none gains more than its interval
is wide, the starting model is saved, and the first sentence says so.

While it runs :: A line shows the step, the loss beside that of mere guessing (ln N for a batch of N
pairs), the logit scale, the length of the gradient, pairs per second, the share of time that goes
into waiting for data, and the time left. Where stderr is not a terminal, a line is written every 30
seconds instead. A step whose loss or gradients are not finite, a loss that stays far above that of
guessing, and a model to which all pictures or all texts have become alike stop the run before the
optimiser's step, with the names of the batch's files and the step of the last checkpoint.

Stopping and going on :: Ctrl-C and SIGTERM keep all whole steps, *kill -9* those up to the last
checkpoint, at most a minute ago. The same command goes on from there, and the result is the same
to the bit on the same machine with the same number of threads.

Files :: The folder holds the model (*open_clip_model.safetensors*, *open_clip_config.json*), its
card (*MODEL_CARD.md*), the report (*report.md*, *report.json*) and the log (*log.jsonl*).

Limits :: Training cannot make up for captions that do not say what the pictures show. What is
measured on held-out pairs holds for pictures like yours, not for others.
"""
