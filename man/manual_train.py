"""The manual's section on training: what it decides, what it measures, and what it cannot do."""

from __future__ import annotations

TRAINING = """\
*train* makes a model that knows your pictures and words better, from pictures with captions or
with labels, and says what that gained and what it cost. It begins with the model that a search
would use, or with *--model*, and writes a model folder; *--model DIR* searches with it, and
*models use DIR* makes it the default. SETS says how pictures and captions may lie on the disk. The
captions of a labelled set are its labels in *--templates*.

The plan :: The number of pairs, the model and the machine decide what is trained, how long and in
what batches; each option fixes one part of it and leaves the rest. Fewer than 1,000 pairs train
the projections alone, from 1,000 on the last layers too, from 10,000 on all layers, as far as that
takes at most an hour here. There are at least 100 steps. The part of a model that looks at
pictures stays locked unless there is something on which what it forgets can be measured
(*--retain*, or 500 indexed pictures), or *--unlock-image-tower* is typed.

A look beforehand :: *--dry-run* says how the data was recognised, with examples and with what is
left out and why, what would be trained in how many steps, and about how much memory, disk and time
that takes on this machine. It reads captions and the first bytes of pictures, times a few pairs of
noise, and writes nothing; *--output* is not needed. The time is that of a run that learns to its
last step; most end earlier.

Presets :: *head* trains the two projections at the end of the towers, on features that are
computed once, and pulls them towards the start, at a learning rate of 2e-4. *last* also trains the
last quarter of the layers, at 1e-5. *all* trains everything at 1e-5 (as in FLYP, Goyal et al.
2023; WiSE-FT, Wortsman et al. 2022, takes 3e-5). *lora* trains low-rank additions to the attention
layers at 2e-4 (CLIP-LoRA, Zanella and Ben Ayed 2024), which are merged into the weights at the
end; a tower without attention has none. *--lr* replaces the highest rate.

Memory and batches :: A batch is worked on in pieces that fit into memory, and the gradients are
those of the whole batch (gradient caching, Gao et al. 2021). *--piece-size* changes memory and
time and not the result. Statistics of batch norms stay as the model came with them, because
those of a piece would not be those of its batch. Pairs with equal captions, labels or pictures do
not count as wrong for each other; with *--positives positive* they count as right, and share the
target (UniCL, Yang et al. 2022).

Pictures :: Each picture is decoded once, by processes like those of *index*. Where the image tower
is locked, the numbers that it gives are kept, and nothing else is needed (5 kB a picture for
*builtin*). Where it is trained, pixels are kept in the output folder until the run is finished
(350 kB a picture for a model of 224 pixels, 17 GB for 50,000), and each pass sees another part of a
picture, at least three quarters of it, and half of the time its mirror image, unless a caption of
the picture speaks of left and right. Colours stay as they are, because captions name them. Of
several captions each pass takes another one. Held-out pictures are measured as a search sees them.

Gain :: With 10 to 999 pairs training runs five more times, each time without another fifth of the
pairs, and finds the pairs that were held out; the last run learns from all of them, for the number
of steps at which the mean of the five held-out losses is lowest. What each part finds is measured
at the step that the other parts choose, so that no pair chooses its own step. With more pairs one
tenth is held out, at most 2,000, and chooses the step itself. In either case the held-out pairs
choose alpha, so that new pairs may gain a little less. Equal pictures and near copies, as far as
the starting model can tell them, are held out together. Recall@k is the share of held-out captions
whose own picture is among the first k results, ranked among the other pictures that were held out
with it, and the same from pictures to captions; of labelled sets, top-1 is the share of pictures
that get their own label. All have 95 % intervals over pictures, and differences are over the same
pictures before and after. With fewer than 100 held-out pictures counts are given instead of
percentages, and a k beyond a quarter of what is ranked is left out, since it is reached by chance.

What is forgotten :: A model that learns your pictures may become worse at all others, so the
starting model and the trained one are compared on pictures that were not trained on, in points of a
hundred, with a 95 % interval. These are, in this order: the set that *--retain* names, by its
labels (top-1) or captions (recall@10); for *builtin*, and for models made from it, with an image
tower that is and was locked, 1,855 general photos that come with clipfind as numbers, by their
labels and by 495 everyday queries; 500 pictures of your index, drawn by *--seed* outside the folder
that is trained on and read again. Of these each must have its nearest picture still among its three
nearest ones, and each of the queries its best picture among its three best. The figure that lost
most counts. With fewer than 100 indexed pictures nothing is measured; then the report says so, and
the image tower stays locked.

Alpha :: Between the starting model (alpha 0) and the trained one (alpha 1) lie models that gain
less and forget less (Wortsman et al. 2022). Those at 0, 0.25, 0.5, 0.75 and 1 are measured. The
one that gains most is saved, if that gain is beyond its interval (the mean reciprocal rank of
captions, or the accuracy of labels) and costs at most one point elsewhere. If there is none, the
starting model is saved as it was, and the first sentence says so; the exit status is 0. *--alpha*
saves another.

While it runs :: The bar shows the step, the loss beside that of mere guessing (about ln N for a
batch of N pairs), the logit scale, the length of the gradient, pairs per second, the share of time
that goes into waiting for data, and the time left over all runs. Where stderr is not a terminal, a
line comes after 30 seconds, and then less and less often; *-q* silences it. A step whose loss or
gradients are not finite, a mean loss that is three times that of guessing, and a model to which
all pictures or all texts have become alike stop the run before the optimiser's step. The error
names files of the batch and the step of the last checkpoint.

Stopping and going on :: Ctrl-C and SIGTERM keep all whole steps, *kill -9* those up to the last
checkpoint, at most a minute ago. The same command goes on from there without decoding a picture
again, and comes to the same bits on the same machine; another number of threads is refused,
because sums would differ in their last bits. A picture or a caption that changed in the meantime
is named, and the run stops.

Files :: *open_clip_model.safetensors* and *open_clip_config.json* are the model, and open_clip
loads them, too. *MODEL_CARD.md* says from what and how it was made, with its figures and limits;
*report.md* and *report.json* have the figures of each alpha. They name the folder of the pictures
without its path. *log.jsonl* has a JSON object for each step: *phase* (from 1), *title*, *step*,
*steps*, *pairs*, *loss*, *floor* and *chance* (the loss if all pairs of the batch were told apart,
and if none were), *logit_scale*, *gradient_norm*, *lr*, *seconds* and *waiting_seconds*; and one
for each look at the held-out pairs, with *phase*, *title*, *step* and *held_out_loss*. While a run
is not finished, the folder also holds *checkpoint.pt* and prepared pictures, readable by you
alone.

What training cannot do :: It cannot learn what captions do not say, nor what a small model has no
room for; a larger model (*models use*) often helps more than training. Twenty pictures teach words
for what they show and little else. Figures on held-out pairs hold for pictures like yours: whether
the model still finds everything else is told by what is forgotten, as far as that is measured.
Alpha is chosen by the same held-out pairs, so their figures are a little too good; they also are
where several pictures show one scene. For a figure without that, keep some pictures back and
measure both models on them with *evaluate*. Models with a sigmoid loss (SigLIP) and with
tokenizers of their own are not trained yet.
"""
