"""The manual on contact sheets and thumbnails; written as manual_text is."""

from __future__ import annotations

SHEETS = """\
*clipfind QUERY --html FILE* writes what was found as one HTML file: the query and how it was
searched, and for each picture a thumbnail, rank, score, path, date, size and camera, where words of
the query stand, and a link to the original. A date of the file is marked as such. The pictures are
inside the file, it loads nothing and runs no script, so that it opens anywhere and can be sent to
others; the links work where the originals lie. A thousand pictures take about 10 MB, and at most 25
MB. *--html -* writes it to stdout. A sheet replaces an earlier sheet, and no other file. Printed,
it shows four pictures a row, and each path from the top of the file system.

*clipfind classify --html FILE* writes the labelled pictures as one sheet: a group for each label
with the likeliest pictures first, and those without a label last. A sheet has
4,000 pictures at most: of each label the 200 likeliest, or fewer if there are many labels.

Thumbnails :: Small pictures of at most 256 pixels each way, larger ones of 1,024, as WebP: upright,
in sRGB, transparency over white, of an animation the first frame, without any of the picture's
metadata. They are made when they are first wanted and kept in the cache folder by the picture's
content, so that moved and renamed pictures keep theirs. One takes about 7 kB, a large one 45 kB.
Only their owner can read them. A picture that cannot be read shows the reason in its place.

*index --thumbnails* makes the small ones of all pictures under the PATHs in advance. A picture that
is read for the model anyway is read once for both, which makes indexing a quarter slower and
changes no embedding. If it is stopped, by *--max-time* too, the next run continues.

*--thumbnail-cache* is how many megabytes are kept, of all albums together. 500, the default, hold
about 60,000 small ones. Those used least recently go first. If an album needs more, *index
--thumbnails* stops when the cache is full of it, and says how much would hold all; the others are
made when they are wanted. *status* and *doctor* say how much there is, and *prune --thumbnails*
deletes all of them.
"""
