// A service as a launchd property list for macOS (launchd.plist(5)).
import { escapeXml } from '../../base/escape.ts';
import type { ServiceDefinition } from './definition.ts';

export function launchdLabel(name: string): string {
  return `sh.tunnel.${name}`;
}

export function launchdPlist({ name, command, dataDir, user }: ServiceDefinition): string {
  const strings = command.map((argument) => `    <string>${escapeXml(argument)}</string>`).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${escapeXml(launchdLabel(name))}</string>
  <key>ProgramArguments</key>
  <array>
${strings}
  </array>
  <key>UserName</key>
  <string>${escapeXml(user)}</string>
  <key>WorkingDirectory</key>
  <string>${escapeXml(dataDir)}</string>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>2</integer>
  <key>ExitTimeOut</key>
  <integer>60</integer>
  <key>Umask</key>
  <integer>63</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>StandardErrorPath</key>
  <string>${escapeXml(`${dataDir}/${name}.log`)}</string>
</dict>
</plist>
`;
}
