#!/bin/sh
# The partition of the state becomes as large as the card lets it. Each step can be done again.
set -eu
device=$(findmnt -n -o SOURCE /state)
disk=/dev/$(lsblk -n -o PKNAME "$device")
number=$(cat "/sys/class/block/${device##*/}/partition")
# The copy of a GPT, which ends what can be used, goes to the end of this card.
if [ "$(blkid -p -o value -s PTTYPE "$disk")" = gpt ]; then
    sfdisk --quiet --force --no-reread --no-tell-kernel --relocate gpt-bak-std "$disk"
fi
printf ', +\n' | sfdisk --quiet --force --no-reread --no-tell-kernel -N "$number" "$disk"
partx --update --nr "$number" "$disk"
resize2fs "$device"
touch /var/lib/lineside-grown
