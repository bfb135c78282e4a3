"""What the manual promises, and which tests hold each promise; written as manual_text is."""

from __future__ import annotations

PROMISES = """\
clipfind promises the following. Each promise names the files in tests/robustness of the source that
check it with real processes, disks and databases. A test that lacks the permissions it needs is
skipped and says so.

Pictures :: They are read and never changed or deleted. Only *classify --move-to* moves them, and
*classify --undo* moves them back or removes the copies that were made.

Nothing sent :: Nothing leaves the machine but a request for a model or for a picture on the web
that you name. The usage reports that ONNX Runtime and Hugging Face's libraries send to their makers
are switched off before these libraries load. In *index*, *search* and *train* no library leaves
files outside the folders named under FILES and the one that *train* writes. *test_nothing_sent.py*
watches the system calls of an index run held open for 45 seconds, of a query, of a training run and
of a page.

Private folders :: Only their owner can read the default folders and everything in them, under any
umask. *test_private_folders.py*.

A kill at any moment :: Pictures are written to the index in batches, each whole or not at all.
Committed batches stay and are not encoded again; at most two are lost, the one being committed and
the one being encoded, and the next run continues. *test_kill.py*: a hundred kills while 1,000
pictures are indexed, from the first import to the last commit. *test_interrupt.py*: Ctrl-C and
SIGTERM, which end a run within two seconds, and SIGHUP.

Power loss :: A committed batch is on the disk, and so are the names of the index and of the folders
made for it. *test_power_loss.py* replays the writes of a recorded run up to 200 points, leaving out
any part of what was not synced.

A full disk :: clipfind names it in a sentence and exits with status 2. Nothing committed is lost,
and the next run continues when there is room. *test_full_disk.py*: a disk that fills up at over
fifty moments, and a full folder for temporary files.

A disk that fails, refuses writes or vanishes :: A run ends in a sentence that names the index. An
index that cannot be written is still searched, unless an interrupted run there left rows in
SQLite's log only; if another process wrote to it meanwhile, the search says so. A folder that
cannot be read is not treated as empty: its pictures stay indexed, and so do those of a disk that is
not mounted, if that disk has its own device number. *test_mounts.py*.

Concurrency :: One process indexes at a time; another waits and says so, or leaves at once with
*--no-wait*. The lock ends with its process. A search never waits for an indexer and sees one
committed state. An index has one lock, whichever link names it; where nothing can be locked, the
index is only read. *test_crowd.py*: twelve processes for a minute at one index, with two models,
while files come, change and go. *test_lock.py*.

The matrix beside the index :: It is only a cache. What it lacks is read from the index, and a file
that is cut off, overwritten or from another index is ignored. *test_matrix_kill.py*, and
*test_power_loss.py*, which compares it with the rows after each power cut.

Damage :: A changed bit or a lost page of the matrix, of an embedding, of a remembered text or of a
cache never gives a wrong result silently, within the bounds that UPKEEP states. *test_damage.py*:
rows that rank first because of damage, and rows that rank last.

Planted files :: If somebody puts a link, a pipe or a file with a second name in the path of a file
of the index, clipfind writes nothing to its target and does not wait for it. *test_planted.py*.
This does not cover SQLite's own files being exchanged in the instant between the check and the
opening.

Upkeep :: *prune*, *forget* and *doctor --repair* leave the index whole when they are killed or the
disk is full. *test_upkeep.py*.

A moved folder :: *relocate* that is killed at any moment leaves all paths old or all new, and a
matrix that says what the rows say. *test_relocate_kill.py*. An index beside the pictures of a disk
is found at each mount point, by its owner and by a guest who names it, and on a read-only disk.
*test_portable.py*.

Hidden pictures :: *hide* and *unhide* change the list whole or not at all, also while others write
to the index and when they are killed. What is hidden stays so on a disk that takes no writes.
*test_hidden.py*.

Saved searches :: What *run --new* shows is remembered after it was delivered, whole or not at all:
a run that is killed before shows it again, and none is lost when two run at once. *test_saved.py*.

Copies :: A copy of the index that is taken while a run writes has the rows of one moment, each with
all that belongs to it, and a kill leaves no half of a copy under its name. The same holds for what
is exported into Parquet files. An import that is killed leaves sound rows, and the next one ends as
if it had not been killed. *test_export.py*.

Freshness :: A match is not shown if its file is gone, has another size or time than when it was
read, or has another content while its inode or ctime differ: *test_unchanged.py*. A file changed
less than two seconds before it was read is read again. *test_tree_changes.py*: after any changes
the rows match the disk. If a reader was mended, pictures of its format are read again, and encoded
if they look different: *test_reread.py*.

Failures :: clipfind remembers why a picture could not be read. A picture that took too long or too
much memory is tried in two more runs, and a limit or a fault in the run of one model takes no
picture from another model: *test_failures.py*.

Models from others :: A model's configuration is data. It is checked against what open_clip knows,
within limits, before anything is built. No code in a model runs, and only regular files of sane
size are read. A refusal names the file and the key. *test_hostile_models.py*: folders that name
code, hang, or would fill the memory. *test_fuzzed_models.py*: hundreds of altered models, each
refused in a sentence or encoded as open_clip encodes with it.

An index from elsewhere :: A view, a loose table or a trigger that clipfind did not make is refused
before any query runs. *test_foreign_index.py*.

An index of another kind :: An index of a newer version, the database of another program and garbage
are refused and left alone; damage is reported. *test_refused.py*, *test_damaged.py*. An older index
is upgraded in steps, each whole or not at all, after a copy. *test_migrations.py*.

Hostile files :: Pictures are decoded in separate processes with limits on time and memory: one that
crashes, hangs or swells costs itself. *test_pictures.py*, *test_hostile_pictures.py*
and *test_fuzzed_run.py*: a thousand damaged files in every format, none of which
costs one of two hundred good ones. Among pictures to train on, each costs its pair and not the run.
*test_training_data.py*. Sets from which nothing can be learnt are refused before any picture is
decoded. *test_broken_training_sets.py*. Names may be any bytes, and trees may lead anywhere.
*test_trees.py*. A video is found by what of it can be decoded, within the same limits; one that
only says it is a video costs itself. *test_videos.py*.

Sets from strangers :: Tables, shards, names and templates of a set are data within limits. A set is
refused in a sentence, or each fault in it costs itself. *test_hostile_sets.py*: over a thousand
altered sets, endless files, and tables that name pipes and devices.

Filing :: A picture that is copied, linked or moved, or taken back, is never lost, overwritten or
half written. *test_filing.py*: kills at every line of the code and at random moments, with
everything taken back afterwards, times included; disks that run full, vanish or take no writes;
file systems without hard links; and three runs at once.

Sidecars :: Tags are inserted into an existing sidecar and every other byte stays, or it is left
alone and named. *test_fuzzed_sidecars.py*: thousands of damaged sidecars, and some made to take all
time and memory. A kill or a full disk leaves each sidecar as it was or whole; a kill may leave a
draft beside it, a hidden file .clipfind-NUMBER. *test_tagging.py*.

No home folder :: If the index is named, a user without a home folder and a name needs nothing else,
and nothing is written elsewhere. *test_no_home.py*.

Text in pictures :: A picture on which the recognition hangs, crashes, swells or is killed costs
itself and is named; Ctrl-C, *kill -9* and a full disk lose at most the five seconds or 64 pictures
in hand. *test_text_attacks.py*.

Queries :: Any text is answered or refused in a sentence. *test_queries.py*. Pictures on the web are
fetched from public addresses only, unless *--allow-private* is typed, within limits on time and
size that hold for any answer, *test_web_answers.py*, and are never written to a file, so nothing of
them stays on the disk even after a kill. *test_web_query.py*.

The page :: *serve* answers who has its token and nobody else. A page of somebody else in the same
browser can neither read nor change anything. Sizes, times and the number of connections are
bounded. *test_serve.py*: attacks by real sockets, a thousand connections, and clients that stand
still. What is served is in the index and under the PATHs. It comes from an open file that was
checked, never through a link that leads out, even if the link is put there while the file is asked
for. Looking, searching and looking for copies change nothing in the index, hiding pictures nothing
but the list of hidden ones, and saving a search nothing but the saved ones. *test_serve_files.py*.

*make test* runs most of these tests; *make test-all* also runs those that take minutes. clipfind
cannot promise what a disk loses although it reported it as synced.
"""
