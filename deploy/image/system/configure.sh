#!/bin/sh
# Inside the new root file system: accounts, units, no secrets and no identity.
set -eu
umask 022
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
here=/nowhere # the agent itself is in the image
. /install-agent.sh
passwd -l root
systemctl enable systemd-networkd systemd-resolved systemd-timesyncd
systemctl enable lineside-first-boot lineside-grow lineside-ssh-key lineside-agent lineside-update \
    lineside-self-update
# Nothing here runs programs of another processor, and Wi-Fi has a unit of its own (wlan0).
systemctl mask systemd-binfmt
systemctl disable wpa_supplicant
# Nothing of the read-only root is updated in place, and no station looks for updates by itself.
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service
# Of two systems: one is marked good when the station works, not when systemd has started.
if [ -f /usr/lib/lineside/system ]; then
    systemctl mask rauc-mark-good
    systemctl enable lineside-system-good
fi
mkdir -p /state /boot/firmware
mv /boot/vmlinuz-* /boot/vmlinuz
rm -f /vmlinuz* /initrd.img* /boot/initrd.img* /boot/System.map-*
# What makes one board another than the next is made at its first boot.
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
: >/etc/machine-id
printf 'lineside\n' >/etc/hostname
printf '127.0.0.1\tlocalhost\n127.0.1.1\tlineside\n' >/etc/hosts
ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
