// A service as a systemd unit that may do little more than talk to the network and write to its data folder (systemd.exec(5), systemd.service(5)).
import { type ServiceDefinition, UNSAFE_ENVIRONMENT } from './definition.ts';

/** Longer than a drain: 30 s of grace, and what comes after it. */
const STOP_WITHIN_S = 60;
const START_WITHIN_S = 90;

export function systemdUnit({ name, description, command, dataDir, user, lowPort }: ServiceDefinition): string {
  // Also where Node itself lies there, or the file with a passphrase.
  const inHome = command.some((argument) => /^\/(home|root)(\/|$)/.test(argument));
  return `# Written by tunnel; \`tunnel ${command[2] ?? ''} uninstall\` removes it. Changes go into ${name}.service.d/*.conf.
[Unit]
Description=${escapeUnit(description)}
Documentation=man:tunnel(1)
Wants=network-online.target
After=network-online.target nss-lookup.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=${command.map((argument) => quote(argument.replaceAll('$', '$$$$'))).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
User=${user}
Restart=always
RestartSec=2
TimeoutStartSec=${START_WITHIN_S}
TimeoutStopSec=${STOP_WITHIN_S}
KillMode=mixed
UMask=0077
LimitNOFILE=65536
UnsetEnvironment=${UNSAFE_ENVIRONMENT.join(' ')}

AmbientCapabilities=${lowPort ? 'CAP_NET_BIND_SERVICE' : ''}
CapabilityBoundingSet=${lowPort ? 'CAP_NET_BIND_SERVICE' : ''}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=${inHome ? 'read-only' : 'yes'}
ReadWritePaths=${quote(dataDir)}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.syntax(7): quotes, backslashes and percent signs mean something everywhere; dollars in command lines only (systemd.service(5)). */
function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('\n', '\\n');
  return /[\s"'\\;]/.test(text) ? `"${escaped}"` : escaped;
}

function escapeUnit(text: string): string {
  return text.replaceAll('%', '%%').replace(/\s+/g, ' ');
}
