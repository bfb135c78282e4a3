"""The manual's section on the page in the browser: what it is, and who can see it."""

from __future__ import annotations

SERVING = """\
*serve* shows the pictures under each PATH, or without PATH all that is indexed, on a page in the
browser. It prints the address of the page and opens it, and ends with Ctrl-C. Meanwhile it brings
the index of the PATHs up to date, unless *--no-index* is typed. The button *?* beside
the search box shows the keys of the page, as does a question mark typed outside that box. What the
page shows is in its address, so that bookmarks and the back button work; bookmarks stay good as
long as the port is the same and the browser is let in (see below).

Searching :: Results come as you type, best first; before anything is typed, the newest pictures
come first. *More* and *Less* on a picture add it to the query or subtract it, *More of* and *Less
of* do so with words; each of these terms can be given another weight and be removed. *Less* begins
with a small weight, since a larger one takes the subject along. A picture that is dropped on the
page, pasted into it or chosen with the button in the search box becomes the query. The words also
count where they stand in captions, keywords, text in pictures and names, unless *Look for words in*
says otherwise, as *--words* does; each picture says where they stand, and one that was found by
them alone is marked. *Only likely ones* leaves out what does not seem to show what the words say,
as *--min-score auto* does, and says so if nothing does.

Filters and order :: *All folders* narrows the search to one folder, and *Filters* to dates, a
camera, a type, a size, a shape, a country or state, and the surroundings of a position. They are
read as *--on*, *--after*, *--before*, *--camera*, *--type*, *--min-size*, *--orientation*,
*--place*, *--near* and *--within-km* are. A date among the words selects as on a terminal, and a
button searches for the words instead. The pictures can be sorted by date and path; of those that a
query finds, the 500 most similar are.

Pictures :: A picture opens large, with what is known of it and its original. A video waits at the
moment that was found, without sound, until *p* or its own button plays it; where the browser does
not play it, the page says so and shows the frame of that moment. Of selected pictures the page
copies the paths, saves them as a list, and makes a contact sheet; *Not these* hides them from all
searches, as *clipfind hide* does.

Searches :: *Saved* lists the saved searches, opens and removes them, and saves the present one, as
*clipfind save* and *saved* do; one that the page cannot show stands there with its command.
*Command line* is the search on the page as a command. On a phone, *Options* shows what does not fit
into one line.

Copies :: *Copies* shows the groups that *clipfind duplicates* finds in the folder that is chosen,
or in all: the picture that is proposed to be kept and why, and its copies beside it; bursts come
last. They are looked for in the background, until *Stop* is pressed, and stay until the index
changes; then *Look again* brings them up to date. Copies can be hidden from searches, and shown
again, unless they are equal to the picture to keep. Nothing is moved or deleted: the command on the
page writes a script for that (see DUPLICATES).

The keys of the page:

    /                    to the search box; Esc empties and then leaves it, and all keys but
                         these two and the next ones act outside it
    Down, Enter          from the search box to the pictures
    arrows, Home, End,
    Page Up, Page Down   from picture to picture
    Enter, Esc           show the picture large, close it
    p                    plays a video shown large, or pauses it
    m, l                 more like this, less like this
    x, Space             select; with Shift all from the last one on
    c                    copy the paths of the selected pictures, or of this one
    h                    not this one; Ctrl-Z takes it back, and those before
    f                    filters; Esc closes them
    arrows, Enter, h     among copies: from picture to picture and group to group,
                         show a picture large, hide the copies of a group
    Delete               on a term: remove it
    ?                    show these keys

Who sees it :: Only programs on this machine can connect, and they need the token at the end of the
address. The first request exchanges the token for a cookie, and the address in the browser is then
without it. The printed token is good until *serve* ends. On Linux the browser that *serve* itself
opened stays let in for 30 days, when *serve* starts again with the same index on the same port: a
private file in the data folder, *browsers.json*, keeps digests of such cookies, never cookies
themselves. Any other browser needs the token that is printed then, as does every browser after
*serve --sign-out* and where *serve* is started over ssh. The
browser is started with another token, which opens the page once. Other users of the machine can see
that token in the list of processes; on Linux clipfind refuses it to their programs, and a cookie to
everyone but the user who got it. A page of somebody else, open in the same browser, can neither
read nor change anything here.

What it can do :: It serves pictures that are in the index, under the PATHs, and as they were
indexed: it opens a file without following a link that leads out of the PATHs, compares the open
file with the index, and sends that. Looking, searching and looking for copies write nothing but
thumbnails into the cache folder. Two things on the page change the index: hiding pictures changes
the list of hidden ones, and saving and removing searches the saved ones. Pictures that are pasted
stay in memory. Nothing is sent to other machines, and the page loads nothing from them.

From another machine :: Let ssh carry it, encrypted and for you alone. On the machine with the
pictures:

    clipfind serve --no-open --port 8417 ~/Pictures

On the machine where you sit, with the same port twice, and then open the address that the first
command has printed:

    ssh -L 8417:127.0.0.1:8417 NAME-OF-THE-FIRST-MACHINE

Opening it to a network :: *--host* ADDRESS listens on an address of this machine that others can
reach, such as 192.168.1.5, or on all of its addresses with 0.0.0.0, and then prints one more that
others can open. Whoever can reach it and has the address with its token sees the pictures and can
hide some, and can change the saved searches. Nothing is encrypted: whoever is on the way sees
everything, the cookie included, which is as good as the token. clipfind says so each time. Do this
only in a network whose users you trust, and never on the open internet.

Limits :: A request has at most 32 KiB of address and headers and 1 MB of content, a pasted picture
64 MB. Its headers have to come within 10 seconds and all of it within two minutes; a client that
takes nothing of an answer for a minute is cut off, and a download then goes on where it stopped. Of
more than 100 connections, those that wait longest are closed.
"""
