"""The manual's section on searches that stay."""

SAVED = """\
*clipfind save* NAME QUERY [PATH]... keeps a search in the index: the query, the paths and the
options as they were typed, so that *--after "3 months ago"* moves along. Paths of folders and
pictures become absolute, and without a PATH the current folder is meant; what the environment and
the configuration file say is not kept. Nothing is searched yet, but a search that makes no sense is
refused, and so is a NAME that is taken, unless *--replace* is given. A NAME is a word of letters,
digits, dots, dashes and underscores.

    clipfind save boats "a red boat" ~/Pictures -t 0 --min-score 0.25
    clipfind run boats

*clipfind run* NAME does what *search* does, in any folder. Options of *search* may be typed beside
it; they win over those that were saved, and those that contradict them are left out: *-f* in place
of a saved *--json*. Options that write or open files (*--html*, *--copy-to*, *--link-to*, *--open*)
are typed with *run* alone, since an index may come from somebody else. *clipfind saved list* prints
the searches, *saved show* NAME the command that one stands for, and *saved remove* NAME drops it.
The page of *clipfind serve* saves and opens searches, too (see SERVING).

Only what is new :: *clipfind run* NAME *--new* prints, or files, only pictures that no earlier run
with *--new* has shown. The first such run shows everything; to begin from now, send its output to
/dev/null. Pictures are told apart by their content: one that was moved, copied or on a disk that
was away is not new, one that was edited is. Only what the search finds can be new, so give it *-t
0*, and *--min-score* to end it. On a terminal, too, words and dates count only with *--words* and
*--dates*, so that what is new does not depend on where the search is run. Hidden pictures are never
new. If there is nothing new, nothing is written, not even a contact sheet, and the exit status is
1.

When it counts as shown :: After the pictures were printed, written or filed. If the run is killed
before that, or a picture cannot be filed, the next run shows them again; what a pipe has taken
counts as shown, whatever the program behind it does. Two runs at once may both show a picture. Up
to 100,000 pictures are remembered for each search, 16 bytes each; a search that has more is refused
with *--new*. A search that is replaced by another one begins anew.

From cron :: As cron mails what is printed, this mails each morning what came in, and nothing if
nothing did:

    0 7 * * * ~/.local/bin/clipfind run boats --new --quiet --max-time 0

With systemd, a timer that runs a service of the same name collects the pictures in a folder. In
~/.config/systemd/user/boats.service:

    [Service]
    Type=oneshot
    ExecStart=%h/.local/bin/clipfind run boats --new --quiet --max-time 0 --copy-to %h/Boats
    SuccessExitStatus=1

In ~/.config/systemd/user/boats.timer; *systemctl --user enable --now boats.timer* starts it:

    [Timer]
    OnCalendar=hourly
    Persistent=true

    [Install]
    WantedBy=timers.target

Any program can be given the paths, each ended by a NUL:

    clipfind run boats --new -f0 | xargs -0 -r ls -l

Searches belong to one index, and *prune*, *forget* and *doctor* keep them. In an index that cannot
be written, saved searches run, and *--new* is refused. Whoever made an index made its searches,
too: look at those of others with *saved show* before you run them.
"""
