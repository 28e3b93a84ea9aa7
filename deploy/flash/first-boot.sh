#!/bin/sh
# First boot of a Lineside station: `sh first-boot.sh BOOT`, run as root from a private copy of the
# card's `lineside` folder. BOOT is where the boot partition is mounted. Power may be cut at any
# point: every step can be done again, and the copy goes when all are done.
# Values are files, never text in this script, so none of them needs quoting.
set -eu
umask 077
boot=$1
here=$(dirname "$0")
exec >>/var/log/lineside-first-boot.log 2>&1
set -x

# The image starts nothing at its next boot: a unit of start.sh goes on there. The line is changed in
# its place, padded, for a script that is named and gone would end every boot.
if grep -q ' systemd\.run' "$boot/cmdline.txt" 2>/dev/null; then
    width=$(($(wc -c <"$boot/cmdline.txt") - 1))
    printf "%-${width}s\n" "$(sed 's| systemd\.run.*||' "$boot/cmdline.txt")" >"$here/cmdline.txt"
    dd if="$here/cmdline.txt" of="$boot/cmdline.txt" bs=4096 conv=notrunc,fsync
fi

# Secrets leave the boot partition first, whatever fails later.
if [ -d "$boot/lineside" ]; then
    find "$boot/lineside" -type f -size -64k -exec shred -n 1 -z {} +
    rm -rf "$boot/lineside"
fi
rm -f "$boot/firstrun.sh"
if [ -f "$boot/user-data" ]; then printf '#cloud-config\n{}\n' >"$boot/user-data"; fi
sync

hostname=$(cat "$here/hostname")
(umask 022; printf '%s\n' "$hostname" >/etc/hostname)
sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
printf '127.0.1.1\t%s\n' "$hostname" >>/etc/hosts
zone=$(cat "$here/timezone")
if [ -f "/usr/share/zoneinfo/$zone" ]; then
    ln -sf "/usr/share/zoneinfo/$zone" /etc/localtime
    (umask 022; printf '%s\n' "$zone" >/etc/timezone)
fi

# A person logs in by key alone; no account has a password.
user=$(cat "$here/user")
if [ -f "$here/begun" ]; then
    # A power cut leaves locks of programs that run no more, and half an account.
    for name in passwd shadow group gshadow subuid subgid; do rm -f "/etc/$name.lock"; done
    pwconv
    grpconv
fi
touch "$here/begun"
getent group "$user" >/dev/null || groupadd "$user"
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --gid "$user" "$user"
for name in "$user" pi root; do
    if id "$name" >/dev/null 2>&1; then passwd -l "$name"; fi
done
for group in gpio i2c spi; do # install-agent.sh gives the agent the same
    getent group "$group" >/dev/null || groupadd --system "$group"
done
groups=gpio,i2c,spi
for group in sudo adm video dialout; do
    if getent group "$group" >/dev/null; then groups=$groups,$group; fi
done
usermod -a -G "$groups" "$user"
home=$(getent passwd "$user" | cut -d: -f6)
if [ ! -d "$home" ]; then install -d -m 0755 -o "$user" -g "$user" "$home"; fi
install -d -m 0700 -o "$user" -g "$user" "$home/.ssh"
install -m 0600 -o "$user" -g "$user" "$here/authorized_keys" "$home/.ssh/authorized_keys"
install -d -m 0750 /etc/sudoers.d
printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$user" >/etc/sudoers.d/090-lineside
chmod 0440 /etc/sudoers.d/090-lineside
install -d -m 0755 /etc/ssh/sshd_config.d
printf 'PasswordAuthentication no\nPermitRootLogin no\n' >/etc/ssh/sshd_config.d/10-lineside.conf
# Units are linked, not loaded: that takes seconds each time, and a restart or the image's unit of
# the first boot comes after this.
systemctl --quiet is-enabled ssh || systemctl --no-reload enable ssh || true
if [ -f /lib/systemd/system/userconfig.service ]; then
    systemctl --no-reload disable userconfig || true
fi

if [ -f "$here/wifi.nmconnection" ]; then
    if [ -d /etc/NetworkManager ]; then
        install -d -m 0755 /etc/NetworkManager/system-connections
        install -m 0600 "$here/wifi.nmconnection" /etc/NetworkManager/system-connections/
    else
        install -d -m 0755 /etc/wpa_supplicant /etc/systemd/network
        install -m 0600 "$here/wpa_supplicant.conf" /etc/wpa_supplicant/wpa_supplicant-wlan0.conf
        printf '[Match]\nName=wlan0\n[Network]\nDHCP=yes\n' >/etc/systemd/network/25-wlan0.network
        chmod 0644 /etc/systemd/network/25-wlan0.network
        systemctl --no-reload enable wpa_supplicant@wlan0 systemd-networkd || true
    fi
    if command -v raspi-config; then
        raspi-config nonint do_wifi_country "$(cat "$here/country")" || true
    fi
    if command -v rfkill; then rfkill unblock wifi || true; fi
fi

# From here on nothing is worth a second first boot, which would take back what was changed since:
# what fails is logged, and the copy with its secrets goes in every case.
finish() {
    rm -rf "$here.done"
    sync
    # In one step, for a power cut in the middle of `rm` would leave half a first boot.
    mv "$here" "$here.done"
    sync
    rm -rf "$here.done"
    # Of start.sh, which put them there; an appliance has a unit of its own.
    if [ -f /usr/local/sbin/lineside-first-boot ]; then
        unit=lineside-first-boot.service
        rm -f "/etc/systemd/system/multi-user.target.wants/$unit" "/etc/systemd/system/$unit" \
            /usr/local/sbin/lineside-first-boot
    fi
    sync
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
failed() {
    echo "first boot: $1"
    logger -p user.err -t lineside-first-boot "$1" || true
}

here="$here" sh -eux "$here/install-agent.sh" || failed "the agent's wheels were not installed"

# The station's files belong to root, and the agent reads them.
install -m 0640 -g lineside "$here/station.toml" /var/lib/lineside/station.toml
install -m 0644 "$here/lineside-agent.service" /etc/systemd/system/lineside-agent.service
systemctl --no-reload enable lineside-agent
if [ -f "$here/lineside-follow.service" ]; then
    install -m 0644 "$here/lineside-follow.service" /etc/systemd/system/lineside-follow.service
    systemctl --no-reload enable lineside-follow
fi
for path in "$here"/files/*.path; do
    if [ -f "$path" ]; then
        target=$(cat "$path")
        { install -d -m 0755 "$(dirname "$target")" &&
            install -m 0640 -g lineside "${path%.path}" "$target"; } ||
            failed "$target was not written"
    fi
done

for bundle in "$here"/bundles/*.bundle; do
    if [ -f "$bundle" ]; then
        set --
        if [ -f "$here/trust/root.json" ]; then set -- --trust "$here/trust/root.json"; fi
        /opt/lineside/bin/lineside-agent slots install --root=/var/lib/lineside "$@" -- "$bundle" || {
            install -d -m 0755 /var/lib/lineside-refused
            mv "$bundle" /var/lib/lineside-refused/
            failed "${bundle##*/} was not installed: it is kept in /var/lib/lineside-refused"
        }
    fi
done
