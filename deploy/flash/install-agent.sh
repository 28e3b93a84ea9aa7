# The agent's user, its folder, and its wheels: read by first-boot.sh, by provision.sh and where an
# image is built, as root.
# $here/wheels: a folder of wheels with pip's; wheels.sha256 in it names the set.

id lineside >/dev/null 2>&1 || useradd --system --user-group --no-create-home \
    --home-dir /var/lib/lineside --shell /usr/sbin/nologin lineside
install -d -m 0755 /var/lib/lineside

# The agent reaches pins and buses by the groups of Raspberry Pi OS; Debian gives them to root alone.
if ! id -nG lineside | grep -qw gpio; then
    install -d -m 0755 /etc/udev/rules.d
    (umask 022; cat >/etc/udev/rules.d/60-lineside.rules <<'END')
SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"
SUBSYSTEM=="i2c-dev", GROUP="i2c", MODE="0660"
SUBSYSTEM=="spidev", GROUP="spi", MODE="0660"
END
    for group in i2c spi gpio; do
        getent group "$group" >/dev/null || groupadd --system "$group"
        usermod -a -G "$group" lineside
    done
    if [ -S /run/udev/control ]; then
        udevadm control --reload
        for subsystem in i2c-dev spidev gpio; do
            udevadm trigger --subsystem-match="$subsystem"
        done
    fi
fi

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
        # Wheels of drivers, as gpiod for pins, come beside those that every station needs.
        set -- 'lineside[device]'
        for wheel in "$here"/wheels/*.whl; do
            case "${wheel##*/}" in pip-* | lineside-*) ;; *) set -- "$@" "$wheel" ;; esac
        done
        "$place/bin/python" "$pip/pip" install --no-index --find-links "$here/wheels" \
            --no-cache-dir "$@"
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
