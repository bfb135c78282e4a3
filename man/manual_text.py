"""The manual's prose; what can be generated from declarations is not here.

A blank line ends a paragraph, four spaces begin an example, `TERM :: text` is an item of a list,
and *stars* make words bold.
"""

from __future__ import annotations

DESCRIPTION = """\
*clipfind* finds photos by what they show. A model turns every picture and every query into a row
of numbers, an embedding; the pictures whose embeddings point most nearly in the query's direction
come first. All of it happens on this machine: pictures and words stay here, and pictures are never
changed. The network is used by *models use* and *models download*, and by a query that is a web
address.

*clipfind* QUERY is short for *clipfind search* QUERY. The search first brings the index of the
folders up to date (only new and changed pictures are read) for at most *--max-time* seconds, then
answers from what is indexed and says on stderr how much is missing, and which command indexes it;
not with *--quiet*, which leaves errors alone there. Without a PATH the current folder is meant.
*clipfind index --all* brings all folders up to date that were indexed before.

Lists of PATHs (*--files-from*, *--files0-from*) are soon out of date. A search leaves out what is
not there any more, with a line on stderr. *index* names each, does the others, and exits with
status 2, as with PATHs that were typed: a disk that is not mounted should be heard of. The lines of
*--files-from* may be any bytes; a list that begins with a byte order mark is UTF-8 or UTF-16, and
lines may end as on Windows. Ignore files, captions and the configuration file may begin with a
mark, too; without one, captions and the configuration must be UTF-8.

On a terminal the matches are a table; in a pipe each is a line of score, TAB and path. A score is
a cosine, from -1 to 1; it tells the order, and depends on the model and the query, so there is no
fixed value from which on a match is right. Ranking always finds something: nothing is found only
in an empty folder, or beyond a threshold (*--min-score*) or a filter (*--glob*, *--exclude*). What
the best score was is said on stderr then. A table shows equal files once, and a line on stderr says
how many copies it leaves out.

Of an animation (GIF, PNG, WebP, AVIF, a HEIC file with several pictures) the first frame and up to
three later ones are compared, evenly spaced over its first 500 frames or 64 megapixels; frames that
look the same count once. Its score is that of the frame nearest to the query. As a query an
animation stands for its first frame. A frame that is broken costs those from it on, not the file.

Paths are printed as typed: relative ones stay relative. They keep their bytes, whatever these are;
on a terminal only, control characters are shown as escapes. A path that begins with a dash is
printed with ./ before it. Matches whose file is gone, has changed since it was indexed
or cannot be reached are left out and counted on stderr.

Letters with accents may be written in two forms, composed or decomposed, as names from a Mac often
are. Ignore files, *--glob* and *--exclude* match both. A PATH or a picture that is not there as
typed but in the other form is taken in that one, with a line on stderr.

A camera's raw file beside a JPEG or HEIC of the same name (IMG_1.CR2, img_1.jpg) is neither indexed
nor shown: the picture stands for both, and *index* says how many it passed over. *--raw-pairs*
takes both. What was indexed with it stays in the index, unseen in runs without it; *status* counts
that, *prune* keeps it while the file is there, *forget* drops it. A raw file whose picture is left
out by a pattern, or goes away, is indexed and shown by the next run. One whose picture is there but
cannot be read is passed over all the same: *index* names the picture, and *--raw-pairs* takes the
raw file.

Links in a folder are not followed without *-L*. A folder with a file named .nomedia, by which
Android hides it from galleries, is left out with those in it unless *--hidden* is given. Of a
library of Apple Photos (*.photoslibrary*) only *originals* and *Masters* are walked, as the rest
holds thumbnails of what is there. A PATH is walked as named, wherever it lies. What was indexed
with *-L* or *--hidden*, or by a PATH of its own, stays in the index; runs that would not come by it
do not show it, only *--all* does, such thumbnails aside. One line on stderr counts the pictures in
formats that are not read (JPEG XL, PSD and others, by ending), one the folders with a .nomedia
file, and, where there is nothing else, one the links.

Pictures are read in processes of their own, which together may take two thirds of the machine's
memory (or of what its control group allows), each at least 1 GiB: with little memory there are
fewer of them than processors. A picture with more pixels than its process has room for, which
depends on the format, is refused before it is decoded; *--max-megapixels* sets the limit in the
place of that, lower or higher. A picture may take 60 seconds of a processor. Waiting does not
count: where the disk, or the machine, stands still for 15 minutes, the picture is left for the next
run. A file that is cut short is refused, as a query too, or, with
*--accept-truncated*, taken by what can be decoded of it. Such options decide what is read, not what
is shown: what was indexed with them stays so, also in runs without them, until the file changes.
What was refused is tried again when a limit that it met is another one. Where thousands of files
are known and there is more than one processor, a further process reads the index while the folders
are walked. None of them outlives the run.

What viewers read past is read past: in a JPEG loose bytes before the picture and a missing end
marker, in a PNG wrong checksums of what does not make the pixels. A JPEG counts as truncated if
what is shown would depend on the bytes that are missing.

TIFF files are read with samples of any depth, as whole numbers with or without sign and as floats,
in one piece or by colour. Floats from 0 to 1 count as they are, and what is brighter is white, as
in viewers; floats beyond that for the most part count to 255 if none is larger, else from the
darkest to the brightest, and so do whole numbers of 32 bits beyond 65535 unless they fill their
range.

The date of a picture (*--sort date*) is that of its EXIF block: when it was taken, else when it was
digitized, else when it was changed, and else the file's own time. Dates are read as cameras,
scanners and editors write them, with colons, slashes, dashes or as ISO 8601, with or without
seconds, fractions and a zone, and an hour 24 as the 0 that is meant. A blank, a row of zeros or
a day that does not exist gives way to the next of these dates.

The name of a command to come (*classify*, *duplicates* and others) is refused, so that scripts
keep their meaning: to look for the word, write *clipfind search duplicates*.
"""

QUERIES = """\
Words :: What the picture shows, in quotes if there are several: "red car at night". The built-in
model knows everyday English; larger and multilingual models know more. A line on stderr tells of
words in another script than Latin where the model is known to read English alone. A model reads so
many tokens (*builtin* 32, most others 77; a word is one or more). Of a longer text the end does not
count, and a line on stderr says so.

A picture :: The path of a file, if it begins with /, ./, ../, ~/ or file:, or ends in one of the
endings that *clipfind formats* lists, in large or small letters: x.jpg, album/x.HEIC, ./scan,
~/x.jpg, file:///home/me/x.jpg. What is neither is words, whether or not a file has that name: for a
file named scan write ./scan. If there is no such file, that is an error. *--text* and *--image*
force one reading. The queried file itself is left out of the matches, its copies are not.

A picture of the web :: An address that begins with http: or https:, such as
https://example.org/cat.jpg. It is asked for each time, with no account, cookie or other trace than
the program's name, and kept nowhere. Only addresses of the public internet are asked, of names and
redirects too, on the ports 80, 443 and those from 1024 on; certificates must be valid. What is
larger than 64 MiB, takes longer than 30 seconds in all, or leads on more than five times is
refused. *--allow-private* lets the host that is typed, as in http://nas.local/cat.jpg, be in your
own network, and be asked on any port, but no other host that it leads on to. A proxy that the
environment sets is used, wherever it is. It looks names up itself, in its own network too; what is
known here to be a private address it is not asked for.

A weight :: A number and a colon before words, a path or an address: 2:cat, 0.5:./dog.jpg. What
follows must begin with neither a digit nor a space, so 16:9 and 3:00 pm are words.

Sums :: *--add* and *--subtract* take queries of the same kinds. Each part is a unit embedding times
its weight, and the sum is scaled to unit length, so that scores stay cosines.
"""

OUTPUT = """\
Columns :: In a pipe: the score with four decimals, a TAB, the path, a new line. With *--explain*
further columns PART=SCORE follow.

search --json :: One object a line with *path* (text), *score* (number), *rank* (number, from 1) and
*model* (text). Where the path is not UTF-8, *path_base64* holds its bytes, and *path* has
replacement characters in their place; so it is wherever a *path* is told. With *--explain*, *terms*
is a list of objects with *term* (behind a minus where it is subtracted) and *score*.

status --json :: One object. *database* is the index's path, *size_bytes* its size with all beside
it. Of the PATHs: *files*, their different *contents*, *raw_pairs* (raw files shown with
*--raw-pairs* only), *models* and *roots*, the walked folders. Each model has *name*, *fingerprint*,
*preprocessing_version*, *dimension*, *added_at* (UTC), *files* and *missing* (files it has not
encoded); each root *path*, *device*, *walked_at_ns* (nanoseconds since 1970) and *files*, where a
file counts for the innermost root. What could not be read: *failures* (reasons with their numbers),
*unreadable* (a list with *path* and *reason*), *unreadable_folders* (with *path*, *files* and
*reasons*). *left_contents* (contents that no file has any more) and *freeable_bytes* (about what
dropping them frees) are null where PATHs are named. *unknown* lists as *path* each PATH under which
nothing is indexed.

prune, forget --json :: One object. What was dropped, or with *is_dry_run* would be: *files*,
*failures* (unreadable files), *contents*, *embeddings*, *roots* (walked folders), *models* (a list
of names), *texts*. *folders* lists with *path* and *files* what went from each folder; *kept*, in
the same way, files that are not there but not known to be gone, and *unreachable* those that cannot
be looked at, by the nearest folder that is there. *unknown* lists as *path* each PATH under which
nothing is indexed. *freed_bytes* is how much smaller the index file is, an estimate in a dry run;
*is_short* is false while a search reads on, and the file gets smaller when that ends.

doctor --json :: One object: *repaired*, a list of sentences, and *findings*, a list with *check*
(what was looked at), *text*, *state* (ok, warning or problem) and *remedy* (empty if none is
needed).

formats --json :: One object a line with *format*, *endings* (a list), *readable*, *package*,
*version* and *needs* (what is missing, null if nothing is).

models list --json :: One object a line with *name*, *state* (built in, downloaded or can be
downloaded), *size_bytes* (null where only the hub knows), *licence* and *good_for*.

models show --json :: One object. Of a model on this machine *name*, *state*, *folder*,
*size_bytes*, *dimension*, *picture_size*, *resize_mode*, *fingerprint* and *source* (where its
files came from). Of another one what is known of it, its name and state at least.

--format :: Text in which {path}, {score}, {rank} and {model} stand for a match's values; numbers
take a format as in Python, {score:.2f}. The escapes are \\t \\n \\r \\0 and \\\\; {{ and }} are
braces. A new line follows, or a NUL with *--null*.
"""

UPKEEP = """\
Files that are gone leave the results at once, and the index at the next *clipfind index* of their
folder. The embeddings of their contents stay, so that moved files are not encoded again at their
new place, and so do files of folders that are not there any more. *clipfind prune* drops these,
too: files that are gone, unreadable ones that are gone, folders deleted as a whole, and contents
that no file in the index has. So index moved files at their new place before. With a PATH it is
only files under it, and contents that those files alone had.

A file is gone if its name is missing and the nearest folder above it that is there lies on the
device on which the file lay. So nothing is dropped for a disk that is not mounted or a folder that
cannot be read. What is not there but not known to be gone, and what lies in folders that cannot be
entered, is counted, named by folder and kept; *clipfind forget* drops it. Another disk that is
mounted in the place of the first and has got its device number is taken for it.

A folder that cannot be entered, a file that may not be opened, and an ignore file that is none, is
named by each *index* and counted as out of reach, and *--strict* minds it; it is not remembered as
unreadable, as rights and disks come back. A file in a folder counts as a picture by the ending of
its name; what has another one, or none, is read only where it is named itself.

A file counts as unchanged while its size, its time of change (mtime), its inode and its ctime are
what they were. Where size and mtime are the same and inode or ctime are not, as after *exiftool
-P*, *chmod* or a restored copy, the content decides: a search reads such a file before it shows it
or leaves it out, and *clipfind index* reads it once and encodes it only if it is new. Some network
file systems give all files new inodes at each mount. When two runs in a row have seen that of all
files of a folder (of sixteen at least), size and mtime alone count there; *--inodes stable* or
*unstable* says it at once.

*clipfind index --verify* finds what none of these tell: it reads each known file
again and compares the digest of all its bytes. What is the same is not encoded again; what is not
is named and encoded anew. Stopped, by *--max-time* too, it goes on the next time *--verify* is
given, for thirty days from its beginning: files read since then are not read once more. Before, it
compares all embeddings of the model, and the matrix beside the index, with their digests; damaged
embeddings are dropped and, under the PATHs, encoded anew in the same run.

A search compares what it is about to show with its embedding in the index, and that with its
digest. What is damaged there is left out and counted on stderr; where the matrix beside the index
says something else, the search is done again without it, and a line on stderr says so. What should
rank first and is damaged so that it ranks last no search can see. So each *clipfind index* looks at
the blocks of the matrix that it has not looked at for a month (256 MB in one run), makes a damaged
matrix anew and says so; embeddings in the index are looked at by *index --verify* and *doctor*. An
index from an older version has digests once *index --verify* or *doctor --repair* has run; what the
embeddings are then counts as right, unless the matrix has kept them otherwise.

*clipfind prune --models* also drops what models have encoded that are not in use. In use are the
one that a search would take, the index's default, and those of *--keep*. The words of queries are
remembered, 10,000 for each model, then at random one in ten of them is dropped; *--texts* drops
all.

*clipfind forget* drops all rows of what lies or lay under each PATH, and contents that no other
file has. No file but the index is touched; the next *clipfind index* or search of the folder, or of
one above, reads it again, unless a .clipfindignore file or *--exclude* leaves it out.

*prune* and *forget* then write the index file anew, smaller, and the matrix beside it. For a while
that takes as much room again beside it, and as much in the folder for temporary files. How much
comes free a dry run can only estimate: the file shrinks by whole pages, so that a few rows may free
nothing. Killed or on a full disk the index stays whole, and the next *clipfind prune* makes it
smaller. Searches go on meanwhile; an index run waits.

*clipfind doctor* prints one line a check: its state (*ok*, *warning* or *problem*), what it looked
at, what it found, and the remedy. It has SQLite check the index, looks for rows that refer to
nothing and damaged embeddings, for a damaged matrix, for drafts, logs and copies beside the index,
for the models that it needs, half downloads, readers, packages and folders. It changes no row. With
*--repair* it first removes drafts that a kill left, makes SQLite's own indexes anew and drops rows
that refer to nothing and damaged embeddings; the next *clipfind index* encodes their pictures anew.
Before any row is dropped it writes a copy, index.db.before-repair-TIME. A damaged matrix is made
anew. If there is nothing to mend, a line says so.
"""

EXIT_STATUS = """\
0 :: Something was found; with *index*, the index is up to date (unreadable pictures are counted,
new ones named, as *status -v* names all; they change the status with *--strict* only), or another
run was at it and *--no-wait* was given.

1 :: Nothing was found; with *index*, it was stopped at *--max-time* before the end; with *status*,
*prune* and *forget*, nothing is indexed under any of the PATHs that were named; with *doctor*,
there are warnings but no problem.

2 :: An error: options that make no sense, no folder that can be read (with *index*: any PATH that
cannot be read), an index that cannot be opened, a model that is not there; with *doctor*, a
problem.

129 :: The terminal was closed. What was finished is kept.

130 :: Interrupted by Ctrl-C. What was finished is kept.

143 :: Stopped by SIGTERM. What was finished is kept.
"""

ENVIRONMENT = """\
An option typed on the command line wins over its variable, the variable over the configuration
file, and that over the default. Lists are separated by colons, switches are 1 or 0.
"""

ENVIRONMENT_FOLDERS = """\
CLIPFIND_CONFIG :: The configuration file, which then must be there.

CLIPFIND_CONFIG_DIR, CLIPFIND_DATA_DIR, CLIPFIND_CACHE_DIR :: The folders named under FILES.

NO_COLOR :: If set and not empty, no colours unless *--color always* asks for them.

HF_ENDPOINT :: The address to download models from in place of https://huggingface.co.

HF_TOKEN :: The account to show to the hub, for models that ask for one; else that of *hf auth
login*, if there is one.

HF_HOME, HF_HUB_CACHE :: The folders of Hugging Face's cache.

HF_HUB_OFFLINE :: If 1, the same as *--offline*.

http_proxy, https_proxy, all_proxy, no_proxy :: The proxies to use, as http://HOST:PORT or
http://USER:PASSWORD@HOST:PORT, and the hosts to reach without them, separated by commas. For the
address of a picture no other kind of proxy, such as SOCKS, can be used.
"""

FILES = """\
~/.config/clipfind/config.toml :: The configuration: a line for each option that has a variable,
named like the option without its dashes. An unknown name is an error, and so is what is not
a regular file, or larger than 64 KiB.

    model = "ViT-B-32-256/datacomp_s34b_b86k"
    top = 20
    exclude = ["*.gif", "Screenshots/"]

~/.local/share/clipfind/index.db :: The index, an SQLite database. *--db* names another one.
Beside it lie SQLite's own index.db-wal and index.db-shm, index.db.lock, which one indexing process
holds at a time, after an upgrade index.db.version-N, a copy from before it, and after a repair
index.db.before-repair-TIME. From a thousand pictures on there are index.db.rows-X and
index.db.order-Y, too, which make searches of many fast: a cache that *index*, *prune* and *forget*
write, never trusted over the index, that may be deleted at any time. Digests of its blocks stand in
the index. Their owner alone can read and write all of these, whatever the umask. Where the index is
named by a link, they lie beside what the link leads to. What lies there is used if it is a regular
file with one name that belongs to the user, to root, or to the owner of the folder or of the index;
anything else, a link or a pipe for instance, is refused and left as it is. An index with a second
name (a hard link) is refused, too. Where the file system has no locks, as on some disks of the
network, an index is searched but not written: name one on a local disk with *--db*.

~/.local/share/clipfind/models :: A folder for each downloaded model. Its weights are those of
Hugging Face's cache: the same file under a second name, on another disk a link to it, and a copy
only where neither can be. Weights that a link no longer finds are fetched again by *models
download*.

~/.cache/huggingface/hub :: Hugging Face's cache, which other programs use, too. What it has of a
model is not fetched again; with *--offline* it is all there is, for models with CLIP's own
tokenizer. A file in it that is not what the hub states is thrown away and fetched again, with a
line on stderr. *models remove* leaves whole files there, and names the folder and its size.

~/.cache/clipfind :: What can be made again. A user without a home folder keeps none of it, and has
to name the index with *--db*.

clipfind's own folders and all in them are made for their owner alone, whatever the umask, and so is
an index that *--db* names; Hugging Face's cache follows the umask. The two default folders are
closed to others where they are open; a folder that was there before and is named, with
CLIPFIND_DATA_DIR or CLIPFIND_CACHE_DIR or by a link in place of a default one, keeps its rights: it
may be meant to be shared. The model folder that *train* writes follows the umask; what an
unfinished run keeps in it, the pictures' pixels among it, is for its owner alone.

.ignore, .clipfindignore :: In any folder: patterns as in .gitignore of what to leave out there,
from the index and from what a search shows. One of more than 100 kB, and what is not a regular
file, leaves nothing out; a pattern with two stars between names more than twice is none.
"""

EXAMPLES = """\
The ten best among the pictures in the current folder, and in two others:

    clipfind "red car at night"
    clipfind "red car at night" ~/Pictures /mnt/nas/photos

Copy the fifty best, whatever their names:

    clipfind "screenshot of an invoice" ~/Pictures -f0 -t 50 | xargs -0 cp -t out/

Pictures like one, but by day:

    clipfind tower.jpg ~/Pictures -a "at noon" -s "at night"

Only what is nearly as good as the best:

    clipfind "birthday cake" ~/Pictures -t 0 --within 0.03

Choose among the matches with fzf:

    clipfind beach ~/Pictures -f0 -t 200 | fzf --read0 --print0 | xargs -0 xdg-open

Keep the index up to date from cron, every hour:

    0 * * * * clipfind index --quiet --no-wait ~/Pictures

Bring everything up to date that was ever indexed:

    clipfind index --all

A larger model for this index, downloaded once (605 MB):

    clipfind models use ViT-B-32-256/datacomp_s34b_b86k
"""

BUGS = """\
Pictures only, no video. Counting, small print and who is who are beyond these models. The built-in
model knows little but everyday things; on a terminal, the first best score of an index that is weak
for it is told, with a larger model, its size and the time that it takes. On Windows, names that are
not Unicode and folders on the network were not tried.
"""
