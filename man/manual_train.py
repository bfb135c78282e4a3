"""The manual's section on training: what it decides, what it measures, and what it cannot do."""

from __future__ import annotations

TRAINING = """\
*train* makes a model that knows your pictures and words better, from pictures with captions or with
labels, and says what the model gained by it and what it forgot. It begins with the model that a
search would use, or with *--model*, and writes a model folder; *--model DIR* searches with it, and
*models use DIR* makes it the default. SETS says how pictures and captions may lie on the disk. The
captions of a labelled set are its labels in *--templates*.

The plan :: A model has two halves, called towers: the image tower turns pictures into numbers, the
text tower turns words into numbers, and a projection at the end of each makes the numbers
comparable. The number of pairs, the model and the machine decide which parts are trained, for how
long and in what batches; each option fixes one of these choices and leaves the others open. With
fewer than 1,000 pairs the projections alone are trained, from 1,000 pairs on the last layers too,
from 10,000 pairs on all layers, unless that would take more than an hour on this machine. A run
plans at least 100 steps. The image tower stays locked, which means that only its projection is
trained, unless there are pictures on which clipfind can measure what the tower forgets (*--retain*,
or at least 100 indexed pictures), or unless *--unlock-image-tower* is given.

A look beforehand :: *--dry-run* says how the data was recognised, with examples; what is left out
and why; what would be trained in how many steps; and about how much memory, disk and time the run
would take on this machine. It reads the captions and the first bytes of the pictures, measures the
speed on a few pictures of noise, and writes nothing; *--output* is not needed. The time is that of
a run that learns to its last step; most runs end earlier.

Presets :: *head* trains the two projections at the end of the towers, on features that are computed
once, and pulls them towards the start, at a learning rate of 2e-4. *last* also trains the last
quarter of the layers, at 1e-5. *all* trains everything at 1e-5 (as in FLYP, Goyal et al. 2023;
WiSE-FT, Wortsman et al. 2022, takes 3e-5). *lora* trains low-rank additions to the attention layers
at 2e-4 (CLIP-LoRA, Zanella and Ben Ayed 2024), which are merged into the weights at the end; a
tower without attention layers stays as it is. *--lr* replaces the highest rate.

Memory and batches :: A batch is the set of pairs that a step tells apart. It is divided into pieces
that fit into memory, and the gradients are still those of the whole batch (gradient caching, Gao et
al. 2021), so that *--piece-size* changes memory and time but not the result. Batch norms use the
statistics that came with the model, because the statistics of a piece would differ from those of
its batch. Pairs with equal captions, labels or pictures do not count as wrong for each other; with
*--positives positive* they count as right, in equal shares (UniCL, Yang et al. 2022).

Pictures :: Each picture is decoded once, by processes like those of *index*. If the image tower is
locked, only the numbers that it computes from a picture are stored (5 kB a picture for *builtin*).
If it is trained, the pixels stay in the output folder until the run is finished (350 kB a picture
for a model of 224 pixels, 17 GB for 50,000), and each pass sees another crop of a picture, at least
three quarters of it, and half of the time its mirror image, unless a caption of the picture
mentions left or right. Colours stay as they are, because captions name them. If a picture has
several captions, each pass takes another one. Held-out pictures are measured as a search sees them.

Gain :: The gain is measured on pairs that are held out, which means that the model does not learn
from them. With 10 to 999 pairs training runs five more times, each time with another fifth of the
pairs held out; the last run learns from all pairs, for the number of steps at which the mean of the
five held-out losses is lowest. Each fifth is measured at the step that the other four choose, so
that no pair chooses its own step. With more pairs one tenth is held out, at most 2,000 pairs, and
chooses the step itself. In both cases the held-out pairs also choose alpha, so that new pairs may
gain a little less. Equal pictures and near copies, as far as the starting model recognises them,
are held out together. Recall@k is the share of held-out captions whose own picture is among the
first k results, ranked among the pictures that were held out with it; it is also given from
pictures to captions. The mean reciprocal rank is the mean of 1 for a first place, 1/2 for a second,
1/3 for a third, and so on. For labelled sets, top-1 is the share of pictures that get their own
label. All figures have 95 % intervals over pictures, and differences compare the same pictures
before and after training. With fewer than 100 held-out pictures counts are given instead of
percentages. Recall@k is left out if k is more than a quarter of the pictures that are ranked,
because guessing often reaches it.

What is forgotten :: A model that learns your pictures may become worse at others, so clipfind
compares the starting and the trained model on pictures that it does not train on. A point is one
percent of these pictures, and the loss has a 95 % interval. clipfind takes the first of these sets
that there is: the set that *--retain* names, by its labels (top-1) or captions (recall@10); 1,855
general photos that come with clipfind, by their labels and by 495 everyday queries (for *builtin*
and models made from it, as long as the image tower was always locked, because the photos come as
the numbers that this tower computes); or up to 500 pictures of your index from outside DATA, drawn
by *--seed* and read again. An indexed picture counts as lost if the picture that was nearest to it
is no longer among its three nearest ones, and an everyday query if its best picture is no longer
among its four best of the general photos, or its three best of your pictures. The figure that lost
most counts.
Without any of these sets, or with fewer than 100 indexed pictures, nothing is measured; then the
report says so, and the image tower stays locked.

Alpha :: Alpha says how much of what was learnt is saved: from 0, the starting model, to 1, the
trained one. Models in between gain less and forget less (Wortsman et al. 2022), and those at 0,
0.25, 0.5, 0.75 and 1 are measured. Of those that forget at most one point, clipfind saves the one
that gains most (in the mean reciprocal rank of captions, or in the accuracy of labels), if the
interval of its gain lies above 0. If no model fulfils this, the starting model is saved as it was,
and the first sentence says so; the exit status is 0. *--alpha* saves another.

While it runs :: The bar shows the step; the loss, which falls as the model learns, beside the loss
of mere guessing (about ln N for a batch of N pairs); the logit scale, which says how sharply the
model tells pairs apart; the length of the gradient, which says how much the step would change the
model; pairs per second; the share of time that goes into waiting for data; and the time left for
all runs together. If stderr is not a terminal, a line comes after 30 seconds, and then less and
less often; *-q* silences both. The run stops before a step that would spoil the model: if the loss
or a gradient is not finite, if the mean loss is three times that of guessing, or if all pictures or
all texts have become alike to the model. The error names files of the batch and the step of the
last checkpoint.

Stopping and continuing :: After Ctrl-C and SIGTERM no finished step is lost, after *kill -9* at
most those of the last minute, since the last checkpoint. The same command continues from there
without reading a picture of DATA again, and makes the same model to the bit on the same machine.
The pictures on which forgetting is measured (of *--retain* or of the index) are read again. A run
that is stopped while it still reads the pictures of DATA keeps nothing and begins anew. Another
number of threads is refused, because sums would differ in their last bits; so is any other option
that changes the result. A picture or a caption that changed in the meantime is named, and the run
stops.

Files :: *open_clip_model.safetensors* and *open_clip_config.json* are the model, and open_clip
loads them, too. *MODEL_CARD.md* says from what and how it was made, with its figures and limits;
*report.json* has the figures of each alpha, *report.md* those of the best and of the saved one, and
*report.html* shows them as a page.
They name the folder of the pictures without its path. *log.jsonl* has a JSON object for each step:
*phase* (from 1), *title*, *step*,
*steps*, *pairs*, *loss*, *floor* and *chance* (the loss if the model told all pairs of the batch
apart, and if it guessed), *logit_scale*, *gradient_norm*, *lr*, *seconds* and *waiting_seconds*;
and one for each time that the held-out pairs are measured, with *phase*, *title*, *step* and
*held_out_loss*. While a run is not finished, the folder also holds files that are readable by you
alone and deleted at the end: *checkpoint.pt*; *prepared.json*, which lists the pictures and what
was made of them; the numbers that locked towers compute, in *image-features.bin* and
*text-features.bin*; or the pixels, in *pixels.bin* and *finer-pixels.bin*; *copies.bin*, which says
what pictures are near copies of each other; and *retention.bin*, the pixels on which forgetting is
measured. A file that was not finished ends in *.part*.

What training cannot do :: It cannot learn what captions do not say, nor what a small model has no
room for; a larger model (*models use*) often helps more than training. Twenty pictures teach words
for what they show and little else. Figures on held-out pairs hold for pictures like yours: what the
model forgot of other pictures is a figure of its own, if it could be measured. The held-out pairs
also choose alpha, so their figures are a little too good; the same is true if several pictures show
one scene. For figures without this advantage, set some pictures aside before training and measure
both models on them with *evaluate*. Models with a sigmoid loss (SigLIP) and with tokenizers of
their own are not trained yet.
"""
