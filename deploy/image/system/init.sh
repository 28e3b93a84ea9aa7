#!/bin/busybox sh
# The first program of the appliance: finds its own disk, lays the writable partition over the
# read-only root, and hands over to systemd.
# /var, /home and /root lie on the state as they are, so that fsync and rename there are ext4's own;
# /etc and /opt are overlays, so that the image's files show through where nothing was changed.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev

give_up() {
    echo "lineside: $1; starting again in 30 s" >/dev/console
    sleep 30
    reboot -f
}

# The disks whose table has the signature that the kernel's command line names: in an MBR at byte
# 440, in a GPT as the beginning of the disk's GUID, at byte 568.
disks() {
    for disk in /sys/class/block/*; do
        name=${disk##*/}
        [ -e "$disk/partition" ] && continue
        [ "$(hexdump -s "$place" -n 4 -e '"%08x"' "/dev/$name" 2>/dev/null)" = "$id" ] || continue
        echo "$name"
    done
}

# Partition $2 of the disk $1.
partition() {
    for part in "/sys/class/block/$1"/*/partition; do
        [ "$(cat "$part" 2>/dev/null)" = "$2" ] || continue
        part=${part%/partition}
        echo "/dev/${part##*/}"
    done
}

while read -r file; do insmod "/modules/$file" 2>/dev/null; done </modules/order
# The UUID of the root begins with the disk's signature and ends with the partition's number.
uuid=$(sed 's/.*root=PARTUUID=\([0-9a-f-]*\).*/\1/' /proc/cmdline)
id=${uuid%%-*} number=${uuid##*-}
number=${number##*0}
# One system in an MBR, or two in a GPT; the state is the last partition.
case $uuid in *-*-*) place=568 last=4 ;; *) place=440 last=3 ;; esac
tries=0 state=
while true; do
    set -- $(disks)
    # Root and state of two cards would be mixed, and verdicts would go to the wrong one.
    [ $# -lt 2 ] || give_up "the disks $* are copies of one card ($id): leave one of them in"
    [ $# -eq 0 ] || state=$(partition "$1" "$last")
    [ -z "$state" ] || break
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || give_up "no disk $id"
    sleep 0.1
done
root=$(partition "$1" "$number")

mount -t ext4 -o ro "$root" /root || give_up "the root on $root cannot be mounted"
e2fsck -p "$state" >/dev/null 2>&1
[ $? -lt 4 ] || e2fsck -y "$state" >/dev/null 2>&1
mount -t ext4 -o noatime "$state" /root/state || give_up "the state on $state cannot be mounted"
for name in var home root; do
    mount -o bind "/root/state/$name" "/root/$name"
done
# Of two systems each has what was changed in its /opt, which is the agent: an update of the agent
# belongs to the system that it was made in, and a new system begins with its own agent.
opt=/root/state/overlay/opt
if [ "$last" = 4 ]; then
    opt=$opt-$number
    system=/root/usr/lib/lineside/system
    if ! cmp -s "$system" "$opt/system"; then
        rm -rf "$opt"
        mkdir -p "$opt/upper" "$opt/work"
        cp "$system" "$opt/system"
    fi
    # By these names RAUC finds the disk that was booted, whatever other disks there are.
    mkdir -p /dev/lineside
    ln -sf "$(partition "$1" 2)" /dev/lineside/system-a
    ln -sf "$(partition "$1" 3)" /dev/lineside/system-b
fi
for name in etc opt; do
    above=/root/state/overlay/$name
    [ "$name" = etc ] || above=$opt
    mount -t overlay -o "lowerdir=/root/$name,upperdir=$above/upper,workdir=$above/work" \
        overlay "/root/$name" || give_up "/$name cannot be laid over"
done
for name in dev proc sys; do mount -o move "/$name" "/root/$name"; done
exec switch_root /root /sbin/init
