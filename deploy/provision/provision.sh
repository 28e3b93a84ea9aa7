# Makes a running board a station: `sh provision.sh HERE`, as root, with the files in HERE.
# Values are files, never text in this script. Every step may be repeated.
set -eu
umask 077
here=$1

# Until the agent was started again; a connection may break anywhere before that.
touch /var/lib/lineside-restart-due
sync

if [ -f "$here/hostname" ]; then
    hostname=$(cat "$here/hostname")
    (umask 022; printf '%s\n' "$hostname" >/etc/hostname)
    sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
    printf '127.0.1.1\t%s\n' "$hostname" >>/etc/hosts
    hostname "$hostname" 2>/dev/null || true
fi
if [ -f "$here/keys" ]; then
    user=$(cat "$here/user")
    home=$(getent passwd "$user" | cut -d: -f6)
    group=$(id -gn "$user")
    install -d -m 0700 -o "$user" -g "$group" "$home/.ssh"
    touch "$home/.ssh/authorized_keys"
    # The file of before may end without a newline, and two keys in one line are none.
    { cat "$home/.ssh/authorized_keys"; echo; cat "$here/keys"; } | sed '/^$/d' \
        >"$home/.ssh/.authorized_keys.new"
    chown "$user:$group" "$home/.ssh/.authorized_keys.new"
    mv "$home/.ssh/.authorized_keys.new" "$home/.ssh/authorized_keys"
fi

. "$here/install-agent.sh"

for path in "$here"/files/*.path; do
    if [ -f "$path" ]; then
        target=$(cat "$path")
        (umask 022; mkdir -p "$(dirname "$target")")
        install -m "$(cat "${path%.path}.mode")" -g lineside "${path%.path}" "$target.new"
        mv "$target.new" "$target"
    fi
done
sync
