#!/bin/sh
# The partition of the state becomes as large as the card lets it. Each step can be done again.
set -eu
device=$(findmnt -n -o SOURCE /state)
disk=/dev/$(lsblk -n -o PKNAME "$device")
printf ', +\n' | sfdisk --quiet --force --no-reread --no-tell-kernel -N 3 "$disk"
partx --update --nr 3 "$disk"
resize2fs "$device"
touch /var/lib/lineside-grown
