#!/bin/bash
# Runs inside the machine that scripts/try-systemd.sh boots, at each of its boots: what an operator does with services, each step judged.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
STATE=/var/lib/try
TARGET=10.77.0.5
AGENT_DIR=/var/lib/tunnel-agent
LOW_DIR='/srv/low gate%way$'
failed=0

say() { printf '%6.1f  %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*"; }
# expect WORDS COMMAND...: the command ends with 0.
expect() {
  local words=$1 said
  shift
  if said=$("$@" 2>&1); then say "ok    $words"; else
    failed=1
    say "FAIL  $words"
    printf '%s\n' "$said" | tail -15 | sed 's/^/        /'
  fi
}
# within SECONDS COMMAND...: until it ends with 0.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { "$@"; return 1; }
    sleep 0.5
  done
}
is() { [ "$1" = "$2" ] || { echo "got '$1', not '$2'"; return 1; }; }
# installs SIDE FLAGS...: and where that fails, why.
installs() { tunnel "$1" install "${@:2}" || { journalctl -u "tunnel-$1" -n 12 --no-pager -o cat; return 1; }; }
property() { systemctl show -P "$2" "$1"; }
active() { is "$(property "$1" ActiveState)/$(property "$1" SubState)" active/running; }
online() { tunnel agent list --data-dir /var/lib/tunnel --json | grep -q '"state": *"online"'; }
reaches() { [ "$(tunnel connect $TARGET:22 --wait 20s -- bash -c 'head -c 4 </dev/tcp/{host}/{port}' 2>/dev/null)" = SSH- ]; }
status_of() { sed -n "s/^$2:\s*//p" "/proc/$(property "$1" MainPID)/status"; }
cannot_write() { ! nsenter -t "$(property "$1" MainPID)" -m touch "$2" 2>/dev/null; }
# files: everything there is, without what changes by itself, what root's own command line keeps, and this try.
files() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log -o -path /var/cache -o -path /var/tmp -o -path $STATE \
    -o -path /var/lib/systemd -o -path /root -o -path /var/lib/dpkg \) -prune -o -print | sort
}
nothing_runs() { ! systemctl cat "$@" && ! pgrep -af '^(/usr/lib/tunnel/node|tunnel edge)'; }
# nothing_but_data BEFORE AFTER: beside what useradd keeps of its own files.
nothing_but_data() {
  ! diff "$STATE/$1.list" "$STATE/$2.list" | grep '^[<>]' | grep -vE '^> (/var/lib/tunnel(-agent)?(/|$)|/etc/.*(-|\.lock)$)'
}
journal_is_clean() {
  local text
  text=$(journalctl -o export --all)
  for file in $STATE/*.token; do
    if printf '%s' "$text" | grep -qF "$(head -c 60 "$file" | tail -c 40)"; then echo "a string of $file is in the journal"; return 1; fi
  done
  if printf '%s' "$text" | grep -q 'PRIVATE KEY-----'; then echo 'a key is in the journal'; return 1; fi
}

first_boot() {
  mkdir -p $STATE
  say "$(systemctl --version | head -1), Linux $(uname -r)"
  files >$STATE/before.list
  expect 'dpkg -i' dpkg -i /root/tunnel_*.deb
  expect 'tunnel --version' tunnel --version
  expect 'dpkg --verify' dpkg --verify tunnel
  expect 'man tunnel, tunnel-gateway.conf(5), tunnel-exit-codes(7)' man -w tunnel tunnel-gateway.conf tunnel-exit-codes
  expect 'bash loads the completion by itself' bash -ic '. /usr/share/bash-completion/bash_completion; _completion_loader tunnel; complete -p tunnel'
  files >$STATE/installed.list

  expect 'ca init' tunnel ca init
  expect 'gateway install' installs gateway --public-url https://gw.test:8443
  expect 'the gateway is up and was waited for (Type=notify)' active tunnel-gateway
  expect 'gateway status' tunnel gateway status
  expect 'systemd-analyze verify' systemd-analyze verify /etc/systemd/system/tunnel-gateway.service
  say "      $(systemd-analyze security tunnel-gateway --no-pager | tail -1)"

  useradd --system --home-dir /nonexistent --no-create-home tunnel-agent
  install -d -m 0700 -o tunnel-agent $AGENT_DIR
  expect 'token mint, agent' tunnel token mint --kind agent --name web1 --routes $TARGET/32 --ports 22,8080 --out $STATE/agent.token
  expect 'token mint, operator' tunnel token mint --kind operator --name alice --agents web1 --out $STATE/operator.token
  expect 'agent enroll as a user of its own' sh -c "runuser -u tunnel-agent -- tunnel agent enroll --token-file - --data-dir $AGENT_DIR <$STATE/agent.token"
  expect 'agent install' installs agent --data-dir $AGENT_DIR
  expect 'the agent is up and was waited for' active tunnel-agent
  expect 'agent status: online' sh -c "runuser -u tunnel-agent -- tunnel agent status --data-dir $AGENT_DIR --json | grep -E '\"state\": *\"online\"'"
  expect 'systemd-analyze verify' systemd-analyze verify /etc/systemd/system/tunnel-agent.service
  expect 'login' tunnel login --token-file $STATE/operator.token
  expect 'connect to sshd' reaches
  cat >$STATE/smoke.yaml <<YAML
checks:
  - { name: ssh, target: '$TARGET:22', banner: SSH-2.0, agent: web1 }
  - { name: http, target: '$TARGET:8080', http: { path: /hostname, status: 200 } }
  - { name: closed, target: '$TARGET:25', reachable: false }
YAML
  expect 'check FILE' tunnel check $STATE/smoke.yaml

  for unit in tunnel-gateway tunnel-agent; do
    expect "$unit: no capability, no new privilege, seccomp" is "$(status_of $unit CapEff) $(status_of $unit CapBnd) $(status_of $unit NoNewPrivs) $(status_of $unit Seccomp)" '0000000000000000 0000000000000000 1 2'
    expect "$unit: cannot write to /etc, /usr, /root" cannot_write $unit /etc/x
    expect "$unit: nor to /var/lib" cannot_write $unit /var/lib/x
    expect "$unit: a second thread of V8 may write and run memory (Node's compiler)" is "$(property $unit MemoryDenyWriteExecute)" no
  done
  expect 'the agent runs as the owner of its folder' is "$(status_of tunnel-agent Uid | cut -f1)" "$(id -u tunnel-agent)"

  pid=$(property tunnel-gateway MainPID)
  sed -i 's/^{/{"log_level":"debug",/' /var/lib/tunnel/gateway.json
  expect 'systemctl reload tunnel-gateway' systemctl reload tunnel-gateway
  expect 'it has read the file, and is the same process' within 60 sh -c "tunnel audit --data-dir /var/lib/tunnel --code gateway.reloaded | grep -q log_level && [ $pid = $(property tunnel-gateway MainPID) ]"
  expect 'systemctl reload tunnel-agent' systemctl reload tunnel-agent
  expect 'it has read the file, and is online' within 60 sh -c "journalctl -u tunnel-agent | grep -q 'configuration was read again' && tunnel agent list --data-dir /var/lib/tunnel --json | grep '\"online\"'"

  for unit in tunnel-gateway tunnel-agent; do
    pid=$(property $unit MainPID)
    kill -9 "$pid"
    expect "$unit killed: systemd starts it again" within 90 sh -c "[ \$(systemctl show -P NRestarts $unit) = 1 ] && systemctl is-active $unit"
    expect '  nothing of the old one runs' sh -c "! kill -0 $pid"
    expect '  and connect works' within 90 reaches
  done
  expect 'restart of both' systemctl restart tunnel-gateway tunnel-agent
  expect '  and connect works' within 60 reaches

  expect 'gateway stopped' systemctl stop tunnel-gateway
  systemctl --no-block restart tunnel-agent
  sleep 120
  say "      the agent, 120 s without its gateway: $(property tunnel-agent ActiveState)/$(property tunnel-agent SubState), restarts $(property tunnel-agent NRestarts)"
  expect 'gateway started' systemctl start tunnel-gateway
  expect '  the agent comes by itself' within 90 active tunnel-agent
  expect '  and connect works' within 60 reaches
  expect 'the journal holds no secret' journal_is_clean
}

second_boot() {
  expect 'both are up by themselves after a reboot' within 120 sh -c 'systemctl is-active tunnel-gateway && systemctl is-active tunnel-agent'
  expect '  the agent is online' within 60 online
  expect '  and connect works' reaches
  expect '  nothing has failed' sh -c '[ -z "$(systemctl --failed --no-legend)" ]'

  before="$(property tunnel-gateway MainPID) $(property tunnel-agent MainPID)"
  expect 'dpkg -i of a newer version' dpkg -i /root/newer/*.deb
  expect '  both run it' within 120 sh -c 'systemctl is-active tunnel-gateway && systemctl is-active tunnel-agent && tunnel gateway status --data-dir /var/lib/tunnel --json | grep +newer'
  expect '  in new processes' test "$before" != "$(property tunnel-gateway MainPID) $(property tunnel-agent MainPID)"
  expect '  and connect works' within 60 reaches

  useradd --system --home-dir /nonexistent --no-create-home tunnel-low
  install -d -m 0700 -o tunnel-low "$LOW_DIR"
  expect 'a second gateway: a user of its own, an encrypted CA, a folder with an odd name' \
    runuser -u tunnel-low -- sh -c 'umask 077; echo "a passphrase of some length" >"$1/pass"; tunnel ca init --data-dir "$1" --passphrase-file "$1/pass"' sh "$LOW_DIR"
  expect '  on port 443' tunnel gateway install --name tunnel-low --data-dir "$LOW_DIR" --listen 127.0.0.1:443 --public-url https://gw.test --ca-passphrase-file "$LOW_DIR/pass"
  expect '  with that one capability' is "$(status_of tunnel-low CapEff) $(status_of tunnel-low Uid | cut -f1)" "0000000000000400 $(id -u tunnel-low)"
  expect '  systemd-analyze verify' systemd-analyze verify /etc/systemd/system/tunnel-low.service
  expect '  status' runuser -u tunnel-low -- tunnel gateway status --data-dir "$LOW_DIR"
  expect '  uninstall' tunnel gateway uninstall --name tunnel-low --data-dir "$LOW_DIR"
  rm -rf "$LOW_DIR"
  userdel tunnel-low

  expect 'agent uninstall' tunnel agent uninstall --data-dir $AGENT_DIR
  expect 'gateway uninstall' tunnel gateway uninstall
  expect '  no unit, no process' nothing_runs tunnel-gateway tunnel-agent tunnel-low
  files >$STATE/uninstalled.list
  expect '  files: the two data folders stay, and nothing else' nothing_but_data installed uninstalled

  expect 'install --no-start' tunnel gateway install --no-start
  expect '  enabled, not started' is "$(systemctl is-enabled tunnel-gateway) $(property tunnel-gateway ActiveState)" 'enabled inactive'
  expect '  starts' systemctl start tunnel-gateway
  expect 'dpkg -P while a service is there' dpkg -P tunnel
  expect '  no unit, no process' nothing_runs tunnel-gateway
  files >$STATE/purged.list
  expect '  files: the two data folders stay, and nothing else' nothing_but_data before purged
  expect 'the journal holds no secret' journal_is_clean
}

ip address add $TARGET/32 dev lo
python3 -m http.server --bind $TARGET --directory /etc 8080 >/dev/null 2>&1 &
if [ ! -e $STATE/before.list ]; then
  say 'first boot'
  first_boot
  echo $failed >$STATE/failed
  sync
  systemctl reboot
else
  say 'second boot'
  second_boot
  [ "$failed$(cat $STATE/failed)" = 00 ] && say 'VERDICT holds' || say 'VERDICT does not hold'
  sync
  systemctl poweroff
fi
