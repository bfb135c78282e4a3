"""The manual's section on copies."""

DUPLICATES = """\
*clipfind duplicates* [PATH]... brings the index up to date and prints groups of pictures in which
all but one are copies: equal files, and pictures that were made from one another by saving them
again in any format, resizing, cropping by up to a third, mirroring, changing brightness, contrast
or colours, or writing over a part. It changes, moves and deletes nothing.

    clipfind duplicates ~/Pictures
    clipfind duplicates ~/Phone --reference ~/Pictures --script move.sh
    sh move.sh ~/copies-to-look-through

How copies are found :: Equal files by the digests in the index, without reading any. Other pictures
in pairs whose embeddings have a cosine of *--threshold* or more: each picture with its four
nearest, and with up to sixteen of 0.9 or more. Both thumbnails, of 256 pixels, are laid over each
other and compared block by block. The pictures are copies if almost all blocks show the same and
one of the two shows nothing beyond the other. Each copy was compared with the picture that is kept
in its place.
Thumbnails that are not in the cache are made, which takes longest; *clipfind index --thumbnails*
makes them in advance.

What is missed :: Copies with far fewer pixels may be missed (a quarter of the side or less, or much
less than 224 pixels on a side), since the model sees them blurred. A lower *--threshold*, such as
0.5, finds more of them and takes longer.

Which is kept :: The picture in a *--reference* folder; else the one with the most pixels; with the
most metadata (date, camera, position); the oldest file; the shortest path. The reason that decided
is printed. An enlarged picture has more pixels and shows no more, so look through the groups before
you act on them; *--html* shows the pictures. Links to a file, symbolic or hard, are not
copies. An animation is compared by its first frame. Videos are copies only if their files are
equal.

Bursts :: Pictures of one camera and size taken within ten seconds are shots of a burst, unless they
show exactly the same. They form groups of their own, in which nothing is proposed. Where dates are
missing, two shots differ from copies in that each shows something beyond the other; two shots from
a tripod may then count as copies.

Reference folders :: Pictures in *--reference* DIR are compared with those in the PATHs, not with
each other, and are never proposed as copies. Where all pictures lie in them, as when a folder is
its own reference, nothing is compared, and a note says so.

What is printed :: In a pipe, a line for each picture: the group's number, *keep* with the reason,
*copy, equal*, *copy* with the cosine, or *burst*, and the path, between tabs. *--files* prints the
paths of the copies alone, and *--null* ends each with a NUL. The exit status is 0 if there are
copies and 1 if there are none, bursts or not.

The script :: *--script* FILE writes a shell script for any POSIX shell; FILE must not exist. It
moves the copies into a folder that must not exist either, so that nothing is overwritten. Names
keep their bytes; where several are the same, all but the first get a number. Equal files are
compared once more. A copy stays where it is if it, or the picture to keep, is gone or has another
size. The exit status is then 1, and a folder into which nothing was moved is removed. Sidecars and
raw files beside a copy stay.
"""
