#!/usr/bin/env bash
# Boots this host's own system once more, with a real systemd, in a container without a network: everything it writes goes into a
# layer of its own, which is gone when it ends. Needs root, systemd-nspawn and overlayfs.
#
#   boot.sh DIRECTORY      DIRECTORY/agent.sock takes programs to run (tests/systemd/agent.py), DIRECTORY/files is seen as /test
set -euo pipefail

directory="$1"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"

if [[ ${2:-} != inside ]]; then
    exec unshare --mount --propagation private "$0" "$directory" inside
fi

# systemd wants the cgroup that it is started in for itself, in every hierarchy.
group="guardian-test-$$"
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if [[ -w $hierarchy/cgroup.procs ]] && mkdir -p "$hierarchy/$group" 2>/dev/null; then
        if [[ -e $hierarchy/$group/cpuset.cpus ]]; then
            cat "$hierarchy/cpuset.cpus" >"$hierarchy/$group/cpuset.cpus" || true
            cat "$hierarchy/cpuset.mems" >"$hierarchy/$group/cpuset.mems" || true
        fi
        echo $$ >"$hierarchy/$group/cgroup.procs" || true
    fi
done

mkdir -p "$directory"/{layer,root,files}
mount -t tmpfs -o size=3G,mode=755 guardian-test "$directory/layer"
mkdir "$directory"/layer/{upper,work}
mount -t overlay -o "lowerdir=/,upperdir=$directory/layer/upper,workdir=$directory/layer/work" guardian-test "$directory/root"

cat >"$directory/root/etc/systemd/system/guardian-test.target" <<'END'
[Unit]
Requires=basic.target
After=basic.target
Wants=dbus.service polkit.service guardian-test-agent.service systemd-journald.service guardian.service haproxy.service app@blue.service app@green.service
AllowIsolate=yes
END
cat >"$directory/root/etc/systemd/system/guardian-test-agent.service" <<'END'
[Service]
ExecStart=/usr/bin/python3 /test/agent.py /test/agent.sock
Restart=always
END
ln -sf /dev/null "$directory/root/etc/systemd/system/systemd-networkd-wait-online.service"
ln -sf /dev/null "$directory/root/etc/systemd/system/systemd-firstboot.service"
rm -f "$directory/root/etc/machine-id" "$directory/root/usr/sbin/policy-rc.d"
cp "$here/agent.py" "$directory/files/agent.py"

child=0
trap '((child)) && kill -TERM "$child"' TERM
status=133
# 133 is a reboot of the system inside.
while ((status == 133)); do
    systemd-nspawn --quiet --directory="$directory/root" --boot --private-network --link-journal=no --register=no --keep-unit \
        --console=pipe --kill-signal=SIGRTMIN+3 --bind="$directory/files:/test" \
        systemd.unit=guardian-test.target systemd.log_target=null &
    child=$!
    status=0
    wait "$child" || status=$?
    while kill -0 "$child" 2>/dev/null; do # a signal ends the wait, not the child
        wait "$child" || status=$?
    done
done
exit "$status"
