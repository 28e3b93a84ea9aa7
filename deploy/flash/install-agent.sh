# The agent's user, its folder, and its wheels: read by first-boot.sh and by provision.sh, as root.
# $here/wheels: a folder of wheels with pip's; wheels.sha256 in it names the set.

id lineside >/dev/null 2>&1 || useradd --system --user-group --no-create-home \
    --home-dir /var/lib/lineside --shell /usr/sbin/nologin lineside
install -d -m 0755 /var/lib/lineside

# A board that runs keeps its environment until the new one is whole; then one link changes.
if [ -d "$here/wheels" ]; then
    umask 022
    before=$(readlink /opt/lineside || true)
    set_of_wheels=$(cat "$here/wheels/wheels.sha256")
    place=/opt/lineside-$(printf %.12s "$set_of_wheels")
    rm -rf "$place"
    python3 -m venv --without-pip "$place"
    pip=$(ls "$here"/wheels/pip-*.whl)
    "$place/bin/python" "$pip/pip" install --no-index --find-links "$here/wheels" \
        --no-cache-dir 'lineside[device]'
    printf '%s\n' "$set_of_wheels" >"$place/wheels.sha256"
    sync
    if [ -e /opt/lineside ] && [ ! -L /opt/lineside ]; then mv /opt/lineside /opt/lineside-before; fi
    ln -s "$place" /opt/lineside.new
    mv -T /opt/lineside.new /opt/lineside
    # What runs still reads the one before; it goes with the next change.
    for old in /opt/lineside-*; do
        case "$old" in "$place" | "$before" | /opt/lineside-before) ;; *) rm -rf "$old" ;; esac
    done
    umask 077
fi
