# What a board is and has, as lines of KEY VALUE; changes nothing. Files to compare follow as words.
echo "user $(id -un)"
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then echo "root yes"; else echo "root no"; fi
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@" 2>/dev/null; fi; }
echo "machine $(uname -m)"
echo "python $(python3 -c 'import sys; print("cp%d%d" % sys.version_info[:2])' 2>/dev/null)"
echo "hostname $(cat /etc/hostname 2>/dev/null)"
echo "wheels $(cat /opt/lineside/wheels.sha256 2>/dev/null)"
echo "enabled $(systemctl is-enabled lineside-agent 2>/dev/null)"
if [ -d /run/systemd/system ]; then echo "active $(systemctl is-active lineside-agent)"; fi
if [ -e /var/lib/lineside-restart-due ]; then echo "restart due"; fi
as_root cat "$HOME/.ssh/authorized_keys" 2>/dev/null | sed 's/^/key /'
for path in "$@"; do
    sum=$(as_root sha256sum "$path" 2>/dev/null | cut -d' ' -f1)
    echo "file ${sum:-none} $path"
done
