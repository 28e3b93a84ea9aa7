#!/bin/busybox sh
# The first program of the guest: modules, the host's files read-only, then the checks.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
word() { sed "s/.*$1=\([^ ]*\).*/\1/" /proc/cmdline; }
load() {
  name=$1; shift
  files=$(grep "^$name " /m/order | cut -d' ' -f2-)
  last=${files##* }
  for file in $files; do
    plain=$(echo "${file%.ko}" | tr - _)
    [ -d "/sys/module/$plain" ] && continue
    if [ "$file" = "$last" ]; then insmod "/m/$file" "$@"; else insmod "/m/$file"; fi ||
      echo "GUEST cannot load $file"
  done
}
load virtio_pci; load 9pnet_virtio; load 9p; load configfs
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose host /host
for name in run tmp mnt; do mount -t tmpfs tmpfs /host/$name; done
for name in dev proc sys; do mount --bind /$name /host/$name; done
mount -t configfs config /host/sys/kernel/config
load vivid n_devs=1 node_types=0x1 vid_cap_nr=1
load v4l2loopback video_nr=7 card_label=line exclusive_caps=1
load i2c-dev; load i2c-stub chip_addr=0x53
load kfifo_buf; load iio-trig-hrtimer; load industrialio-sw-device; load iio_dummy
load snd-aloop; load dummy_hcd; load cdc-acm; load usb_f_acm; load gpio-sim
load usb_f_mass_storage; load sd_mod; load usb-storage
mkdir /host/run/modules
cp /m/g_serial.ko /host/run/modules
for file in $(grep "^g_serial " /m/order | cut -d' ' -f2-); do
  [ "$file" = g_serial.ko ] || insmod "/m/$file" 2>/dev/null
done
ip link set lo up 2>/dev/null || ifconfig lo up
echo "GUEST $(uname -r) is up after $(cut -d' ' -f1 /proc/uptime) s"
PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run PYTHONDONTWRITEBYTECODE=1 /bin/chroot /host "$(word python)" "$(word script)" $(word checks | tr , " ")
poweroff -f
