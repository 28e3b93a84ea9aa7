#!/bin/busybox sh
# The first program of the arm64 guest: the root file system of the board, then the light barrier.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for name in virtio_pci virtio_mmio 9pnet_virtio 9p; do
  for file in $(grep "^$name " /m/order | cut -d' ' -f2-); do
    [ -d "/sys/module/$(echo "${file%.ko}" | tr - _)" ] || insmod "/m/$file"
  done
done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose host /host
mount -t tmpfs tmpfs /host/tmp
for name in dev proc sys; do mount --bind /$name /host/$name; done
echo "GUEST $(uname -r) $(uname -m) is up after $(cut -d' ' -f1 /proc/uptime) s"
PATH=/usr/bin:/bin PYTHONPATH=/site:/repo HOME=/tmp PYTHONDONTWRITEBYTECODE=1 \
  /bin/chroot /host /usr/bin/python3 /repo/in_arm.py
poweroff -f
