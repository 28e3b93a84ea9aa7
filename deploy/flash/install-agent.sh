# The agent's user, its folder, and its wheels: read by first-boot.sh and by provision.sh, as root.
# $here/wheels: a folder of wheels with pip's; wheels.sha256 in it names the set.

id lineside >/dev/null 2>&1 || useradd --system --user-group --no-create-home \
    --home-dir /var/lib/lineside --shell /usr/sbin/nologin lineside
install -d -m 0755 /var/lib/lineside

# A board that runs keeps its environment until the new one is whole; then one link changes.
if [ -d "$here/wheels" ]; then
    umask 022
    before=$(readlink -f /opt/lineside || true)
    set_of_wheels=$(cat "$here/wheels/wheels.sha256")
    place=/opt/lineside-$(printf %.12s "$set_of_wheels")
    # wheels.sha256 comes last: an environment that has it is whole, and may be the one that runs.
    if [ "$(cat "$place/wheels.sha256" 2>/dev/null)" != "$set_of_wheels" ]; then
        rm -rf "$place"
        python3 -m venv --without-pip "$place"
        pip=$(ls "$here"/wheels/pip-*.whl)
        "$place/bin/python" "$pip/pip" install --no-index --find-links "$here/wheels" \
            --no-cache-dir 'lineside[device]'
        sync
        printf '%s\n' "$set_of_wheels" >"$place/wheels.sha256"
        sync
    fi
    if [ -d /opt/lineside.new ] && [ ! -L /opt/lineside.new ]; then rm -rf /opt/lineside.new; fi
    ln -sfn "$place" /opt/lineside.new
    if [ -d /opt/lineside ] && [ ! -L /opt/lineside ]; then
        # A folder and the link change places in one step (renameat2(2), RENAME_EXCHANGE).
        rm -rf /opt/lineside-before
        python3 -c 'import ctypes, sys
old, new = b"/opt/lineside", b"/opt/lineside.new"
sys.exit(ctypes.CDLL(None).renameat2(-100, old, -100, new, 2) != 0)' ||
            { mv -T /opt/lineside /opt/lineside-before && mv -T /opt/lineside.new /opt/lineside; }
        if [ -d /opt/lineside.new ]; then mv -T /opt/lineside.new /opt/lineside-before; fi
    else
        mv -T /opt/lineside.new /opt/lineside
    fi
    # What runs still reads the one before; it goes with the next change.
    for old in /opt/lineside-*; do
        case "$old" in "$place" | "$before" | /opt/lineside-before) ;; *) rm -rf "$old" ;; esac
    done
    umask 077
fi
