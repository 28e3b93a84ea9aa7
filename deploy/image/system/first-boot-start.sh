#!/bin/sh
# Runs the station's script of the boot partition, and again at the next boot if power is cut in it.
set -eu
boot=/boot/firmware
copy=/var/lib/lineside-first-boot
# What a power cut left of a copy that was not whole yet, or not needed any more.
rm -rf "$copy.new" "$copy.done"
if [ ! -d "$copy" ]; then
    [ -d "$boot/lineside" ] || exit 0
    mkdir -m 700 "$copy.new"
    cp -R "$boot/lineside/." "$copy.new/"
    sync
    mv "$copy.new" "$copy"
    sync
fi
agent=/etc/systemd/system/lineside-agent.service
reload=
cmp -s "$copy/lineside-agent.service" "$agent" || reload=yes
sh "$copy/first-boot.sh" "$boot"
hostname "$(cat /etc/hostname)"
# What was enabled in this boot is started at the next one by itself, and now by this.
started=
if [ -f /etc/wpa_supplicant/wpa_supplicant-wlan0.conf ]; then started=wpa_supplicant@wlan0; fi
if [ -f /etc/systemd/system/lineside-follow.service ]; then started="$started lineside-follow"; fi
# systemd reads all its units again for seconds: only where there are others than the image has.
if [ -n "$reload$started" ]; then systemctl daemon-reload; fi
# shellcheck disable=SC2086 # names without spaces
if [ -n "$started" ]; then systemctl start --no-block $started; fi
