"""The manual on what runs without being called: the watch, timers and cron."""

EVERY_DAY = """\
*clipfind index --watch* [PATH]... brings the index up to date as *clipfind index* does, and then
does so again whenever something changes below the folders. It waits until nothing has changed for a
second, ten seconds at most, so that a copied folder is indexed in one go. Each time it walks the
folders anew, so ignore files apply as they are then, and no change is missed however many come at
once. Without any change it looks once an hour. It passes over changes in files that cannot be a
picture, a sidecar or an ignore file. The model stays loaded. Between two
runs the index is free for other runs, and the pause is at least as long as the run before. Ctrl-C
and SIGTERM end it with exit status 0; what was finished is kept. An error in the first run ends the
watch; after an error in a later one it says so and tries again.

The system does not report what another machine changes on a network drive (NFS, SMB, sshfs and
other file systems that a program provides). If one of the folders lies on such a drive, or has one
mounted below it, the watch says so and looks every minute. It does the same if there are more
folders than the system can watch (on Linux *sysctl fs.inotify.max_user_watches*), and while a
folder is missing.

With systemd the watch starts when you log in. In ~/.config/systemd/user/clipfind-watch.service;
*systemctl --user enable --now clipfind-watch* starts it:

    [Unit]
    Description=Keep the index of pictures up to date

    [Service]
    ExecStart=%h/.local/bin/clipfind index --watch %h/Pictures
    Nice=19
    Restart=on-failure
    RestartSec=60

    [Install]
    WantedBy=default.target

Or once an hour, which takes no memory in between. In ~/.config/systemd/user/clipfind-index.service:

    [Unit]
    Description=Bring the index of pictures up to date

    [Service]
    Type=oneshot
    ExecStart=%h/.local/bin/clipfind index --no-wait %h/Pictures
    Nice=19

In ~/.config/systemd/user/clipfind-index.timer; *systemctl --user enable --now clipfind-index.timer*
starts it:

    [Unit]
    Description=Bring the index of pictures up to date every hour

    [Timer]
    OnCalendar=hourly
    Persistent=true

    [Install]
    WantedBy=timers.target

From cron, every hour:

    0 * * * * ~/.local/bin/clipfind index --quiet --no-wait ~/Pictures
"""
