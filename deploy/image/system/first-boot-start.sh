#!/bin/sh
# Runs the station's script of the boot partition, and again at the next boot if power is cut in it.
set -eu
boot=/boot/firmware
copy=/var/lib/lineside-first-boot
if [ ! -d "$copy" ]; then
    rm -rf "$copy.new"
    mkdir -m 700 "$copy.new"
    cp -R "$boot/lineside/." "$copy.new/"
    sync
    mv "$copy.new" "$copy"
    sync
fi
sh "$copy/first-boot.sh" "$boot"
hostname "$(cat /etc/hostname)"
