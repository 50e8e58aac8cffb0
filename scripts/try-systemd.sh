#!/bin/bash
# Boots a Debian with a real systemd in an emulated machine (no KVM needed), with dist/*.deb and scripts/try-systemd/guest.sh in it. As root;
# needs qemu-system-x86, debootstrap and a Debian mirror; about a quarter of an hour. The tree is kept between runs: TRY_SYSTEMD_DIR.
set -euo pipefail
cd "$(dirname "$0")/.."
MIRROR=${MIRROR:-http://deb.debian.org/debian}
work=${TRY_SYSTEMD_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/tunnel-test/systemd}
for program in qemu-system-x86_64 debootstrap mke2fs dpkg-deb; do
  command -v "$program" >/dev/null || { echo "skipped: $program is not here"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo 'skipped: needs root'; exit 77; }
[ "$(dpkg --print-architecture)" = amd64 ] || { echo 'skipped: amd64 only'; exit 77; }
deb=$(ls dist/tunnel_*.deb) || { echo 'first: npm run deb'; exit 2; }

tree=$work/tree
if [ ! -e "$work/tree.done" ]; then
  rm -rf "$tree"
  mkdir -p "$work"
  debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,linux-image-cloud-amd64,initramfs-tools,man-db,openssh-server,python3,iproute2,bash-completion,procps \
    bookworm "$tree" "$MIRROR" >"$work/debootstrap.log"
  touch "$work/tree.done"
fi
cp scripts/try-systemd/guest.sh "$tree/root/try.sh"
rm -rf "$tree"/root/*.deb "$tree/root/newer"
cp "$deb" "$tree/root/"
newer=$(mktemp -d)
trap 'rm -rf "$newer"' EXIT
dpkg-deb -R "$deb" "$newer/tree"
sed -i 's/^Version: .*/&+newer/' "$newer/tree/DEBIAN/control"
sed -i -E "s/(\"version\": \"|VERSION = ')[^\"']*/&+newer/" "$newer/tree/usr/lib/tunnel/"{package,oclif.manifest}.json "$newer/tree/usr/lib/tunnel/dist/lib/base/version.js"
mkdir "$tree/root/newer"
dpkg-deb --root-owner-group -Znone -b "$newer/tree" "$tree/root/newer/" >/dev/null
echo try >"$tree/etc/hostname"
printf '127.0.0.1 localhost gw.test try\n' >"$tree/etc/hosts"
printf '/dev/vda / ext4 rw 0 1\n' >"$tree/etc/fstab"
: >"$tree/etc/resolv.conf"
cat >"$tree/etc/systemd/system/try.service" <<UNIT
[Unit]
After=ssh.service
[Service]
ExecStart=/bin/bash /root/try.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
UNIT
ln -sf ../try.service "$tree/etc/systemd/system/multi-user.target.wants/try.service"
ln -sf /dev/null "$tree/etc/systemd/system/serial-getty@ttyS0.service"
ln -sf /dev/null "$tree/etc/systemd/system/man-db.timer"
ln -sf /dev/null "$tree/etc/systemd/system/apt-daily.timer"

image=$work/disk.img
rm -f "$image"
truncate -s 3G "$image"
mke2fs -q -t ext4 -d "$tree" "$image"
kernel=$(ls "$tree"/boot/vmlinuz-*)
timeout 2700 nice -n 10 qemu-system-x86_64 -accel tcg -cpu max -smp 1 -m 1536 -nographic -nic none \
  -drive file="$image",format=raw,if=virtio,cache=unsafe -kernel "$kernel" -initrd "${kernel/vmlinuz/initrd.img}" \
  -append 'root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0' </dev/null | sed -u 's/\r//g' | tee "$work/console.log"
grep -q 'VERDICT holds' "$work/console.log"
