"""The manual's section on sets: the layouts of labelled and captioned pictures on disk."""

from __future__ import annotations

SETS = """\
*train*, *probe* and *evaluate* read sets: pictures with labels or captions. The files in a set
decide which of the layouts below it has, tried in this order. Hidden files are left out, and in
folders the ending of a name decides what is a picture. *train* takes the first three layouts, with
captions.

Tar shards :: A file ending in .tar, .tar.gz or .tgz, or a folder of them. Each picture KEY.jpg has
beside it KEY.txt with one caption per line, KEY.json with a *label*, or KEY.cls with the number or
name of its class, as webdataset writes them.

Tables :: A file ending in .csv, .tsv, .jsonl, .ndjson or .txt, or a folder with a file *metadata*
of such an ending. The first line names the columns, and comma, semicolon, tab or | separates them;
a line of JSON is an object. The picture is in a column *file*, *path*, *image*, *filename* or
*file_name*, relative to the table (or to a folder *images* beside it), the label in *label*,
*class*, *category* or *labels*, the caption in *caption*, *captions*, *text*, *title* or
*sentence*. The captions of several lines of one picture are joined. In JSON, captions may be a
list.

Captions beside pictures :: A folder in which most pictures have a text file of the same name: x.txt
with one caption per line, or x.json with a *label*.

Folders as labels :: A folder that holds a folder for each label, with the pictures of that label in
it or deeper. Pictures beside these folders are named and left out.

Any of these may be split: into folders *train*, *val* (or *validation*) and *test*, or by a column
*split* of a table. If a split is missing, the error names those that are there.

A file classnames.txt beside the shards, the table or the folders gives the labels in order, one per
line, including those without pictures. The labels in the set may be these names or their numbers
from 0; if there are as many folders as lines, the lines name the folders in their order. Otherwise
labels are in natural order: class2 before class10. A file zeroshot_classification_templates.txt
holds the set's own templates, with {c} for the label. With nshards.txt in the folder of a split and
dataset_type.txt in the folder above, this is the layout of CLIP_benchmark. Sets with several labels
per picture (*multilabel*) are not supported.

Text is UTF-8, or UTF-16 with its byte order mark; names of files may be any bytes. Shards and
tables may come from strangers: the claims of a shard are not trusted, pipes and devices are
refused, and pictures are read by processes with limits on memory and time. A bad picture, text or
line is named and left out, and the others are used.

A picture whose file or content is indexed with the model is not encoded again: its embedding comes
from the index, in half precision. Equal contents are encoded once. A note counts those with
different labels.
"""
