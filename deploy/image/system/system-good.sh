#!/bin/sh
# Tells GRUB, by RAUC, that this system is good: at once where it has proven itself before; else when
# the station is armed and its broker has taken its login. One that does not prove itself in time is
# left by a restart, which takes another of its tries; then GRUB starts the other system.
set -eu
system=/usr/lib/lineside/system
record=/var/lib/lineside-system/proven
env=/boot/firmware/EFI/debian/grubenv
own=$(sed 's/.*rauc\.slot=\([AB]\).*/\1/' /proc/cmdline)
case $own in A) other=B ;; *) other=A ;; esac

# A station that nobody has set up proves nothing but that its system starts.
is_good() {
    [ -f /var/lib/lineside/station.toml ] || return 0
    systemctl is-active --quiet lineside-agent || return 1
    journalctl --boot --quiet --unit lineside-agent --output cat | grep -Eq \
        'connected to broker |no \[mqtt\] in station.toml'
}

# A power cut while it is written leaves a file that neither GRUB nor RAUC can read. The other system
# may be half written: it is good again when RAUC has written it anew.
mend_environment() {
    if grub-editenv "$env" list 2>/dev/null | grep -q '^ORDER='; then return; fi
    rm -f "$env.new"
    grub-editenv "$env.new" create
    grub-editenv "$env.new" set ORDER="$own $other" "${own}_OK=1" "${own}_TRY=0" \
        "${other}_OK=0" "${other}_TRY=0"
    mv "$env.new" "$env"
}

# As the first of ORDER, too: one that was left after its tries does not come back by itself.
mark() {
    mend_environment
    rauc status mark-active booted && sync
}

tell() { echo "<$1>system $own ($(cat "$system")): $2"; }

on_trial=yes
if grep -qxFf "$system" "$record" 2>/dev/null; then on_trial=; fi
first=$(grub-editenv "$env" list 2>/dev/null | sed -n 's/^ORDER=\([AB]\).*/\1/p')
if [ "${first:-$own}" != "$own" ]; then tell 3 "system $other was left after its tries"; fi

passed_s=0
while [ "$passed_s" -lt "${LINESIDE_PROOF_S:-900}" ]; do
    if { [ -z "$on_trial" ] || is_good; } && mark; then
        mkdir -p "${record%/*}"
        # This one and the one before, to which GRUB may go back.
        { cat "$system"; grep -vxFf "$system" "$record" 2>/dev/null | head -n 1; } >"$record.new"
        mv "$record.new" "$record"
        sync
        tell 6 "is good"
        exit 0
    fi
    sleep 2
    passed_s=$((passed_s + 2))
done
if [ -z "$on_trial" ]; then
    tell 3 "is good, and RAUC does not take it down"
    exit 0
fi
tell 3 "has not proven itself in $passed_s s; starting again"
exit 1
