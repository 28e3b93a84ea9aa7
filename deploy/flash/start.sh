#!/bin/sh
# Begins the first boot of a Lineside station, or goes on with one that power has cut:
# `sh start.sh BOOT [prepare]`, as root. BOOT is where the boot partition is mounted.
# With `prepare` only what goes on after a power cut is put in place.
set -eu
umask 077
boot=$(cd "$1" && pwd)
copy=/var/lib/lineside-first-boot
name=lineside-first-boot
units=/etc/systemd/system
starter=/usr/local/sbin/$name

# What starts it at the first boot and its own unit never work at once.
exec 9>"/run/$name.lock"
flock 9

# What a power cut left of a copy that was not whole yet, or not needed any more.
rm -rf "$copy.new" "$copy.done"
if [ ! -d "$copy" ]; then
    if [ ! -d "$boot/lineside" ]; then
        # Nothing is left to do, not even for the unit, which goes last.
        rm -f "$units/multi-user.target.wants/$name.service" "$units/$name.service" "$starter"
        exit 0
    fi
    # The image may start a script of the boot partition at one boot only. The next one finds a unit.
    install -d -m 0755 "$units/multi-user.target.wants"
    install -m 0755 "$boot/lineside/start.sh" "$starter"
    (umask 022; cat >"$units/$name.service" <<END)
[Unit]
Description=First boot of a Lineside station that power has cut
RequiresMountsFor=$boot
Before=lineside-agent.service systemd-user-sessions.service
SuccessAction=reboot

[Service]
Type=oneshot
ExecStart=/bin/sh $starter $boot
TimeoutStartSec=900

[Install]
WantedBy=multi-user.target
END
    ln -sf "../$name.service" "$units/multi-user.target.wants/$name.service"
    mkdir -m 700 "$copy.new"
    cp -R "$boot/lineside/." "$copy.new/"
    sync
    mv "$copy.new" "$copy"
    sync
fi
[ "${2:-}" != prepare ] || exit 0
exec sh "$copy/first-boot.sh" "$boot"
