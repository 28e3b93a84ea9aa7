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
sh "$copy/first-boot.sh" "$boot"
hostname "$(cat /etc/hostname)"
# What was enabled in this boot is started at the next one by itself, and now by this.
if [ -f /etc/wpa_supplicant/wpa_supplicant-wlan0.conf ]; then
    systemctl daemon-reload
    systemctl start --no-block wpa_supplicant@wlan0
fi
