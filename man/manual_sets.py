"""The manual's section on sets: the layouts of labelled and captioned pictures on disk."""

from __future__ import annotations

SETS = """\
*train*, *probe* and *evaluate* read sets: pictures with labels or captions. The files in a set
decide which of the layouts below it has. Hidden files are left out, and in folders the ending of a
name decides what is a picture. *train --dry-run* says what was recognised. If no layout fits, the
error says what is there and what would be a set.

Captions beside pictures :: A folder in which most pictures have a text file beside them: x.txt,
x.jpg.txt or x.caption with one caption per line for x.jpg, or x.json with *caption*, *captions* (a
list) or *label*. The case of the ending does not count. If a picture has several, the first of
x.jpg.txt, x.txt, x.caption and x.json that holds a caption counts. Shards beside such pictures are
named and left out.

Tar shards :: A file ending in .tar, .tar.gz or .tgz, a folder of them, or a pattern in quotation
marks: 'shards-{000..012}.tar' or '{a,b}-{0..9}.tar', for at most 100,000 shards, which must all be
there. Each picture x.jpg has its text files as above, anywhere in its shard, or x.cls with the
number or name of its class. clipfind notes where in a .tar each picture begins and reads it from
there; a .tar.gz is unpacked from its beginning each time it is read.

Tables :: A file ending in .csv, .tsv, .jsonl, .ndjson or .txt, or a folder with such a file named
*metadata* or *captions* (as in Flickr8k). The first line names the columns, and comma, semicolon,
tab or | separates them; a line of JSON is an object. The picture is in a column *file*, *path*,
*image*, *filename* or *file_name*, relative to the table (or to a folder *images* beside it), the
label in *label*, *class*, *category* or *labels*, the caption in *caption*, *captions*, *text*,
*title* or *sentence*. *--image-column* and *--caption-column* name others. The captions of several
lines of one picture are joined. In JSON, captions may be a list. An empty cell and *nan* are not
captions.

Folders as labels :: A folder that holds a folder for each label, with the pictures of that label in
it or deeper. Pictures beside these folders are named and left out. *train* puts the labels into
sentences (*--templates*).

Any of these may be split: into folders *train*, *val* (or *validation*) and *test*, or by a column
*split* of a table. *train* takes *train*. If a split is missing, the error names those that are
there.

A file classnames.txt beside the shards, the table or the folders gives the labels in order, one per
line, including those without pictures. The labels in the set may be these names or their numbers
from 0; if there are as many folders as lines, the lines name the folders in their order. Otherwise
labels are in natural order: class2 before class10. A file zeroshot_classification_templates.txt
holds the set's own templates, with {c} for the label. With nshards.txt in the folder of a split and
dataset_type.txt in the folder above, this is the layout of CLIP_benchmark. Sets with several labels
per picture (*multilabel*) are not supported.

Text is UTF-8, or UTF-16 with its byte order mark; a text in another encoding is named and left out.
Names of files may be any bytes. Shards and tables may come from strangers: what a shard says of its
own size is not trusted, and it may hold a million files at most; a packed shard that unpacks to
more than a hundred times its size and 64 MiB on top is named and not read further. Pipes, sockets
and devices are refused, and pictures are read by processes with limits on memory and time. A bad
picture, text or line is named and left out, and the others are used.

*train* reads all captions and the first bytes of all pictures before it decodes any. It stops at
once if more than one pair in ten cannot be used (*--tolerance*), if there are fewer than two pairs,
or if all captions or all pictures are equal. Two captions are equal if the model reads the same
tokens (pieces of words) from them: case, spaces and words beyond the model's limit of tokens make
no difference. A note says how many captions exceed that limit. The same pairs make the same model
from every layout, if their pictures have the same names and a .tar.gz holds them in the order of
their names.

A picture whose file or content is indexed with the model is not encoded again: its embedding comes
from the index, in half precision. Equal contents are encoded once. A note counts those with
different labels.
"""
