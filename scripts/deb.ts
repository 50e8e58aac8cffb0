// `npm run deb`: a Debian package with the built program, its libraries and the Node it runs on; dist/tunnel_VERSION_ARCH.deb.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version, description } = z.object({ version: z.string(), description: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
const stage = mkdtempSync(join(tmpdir(), 'tunnel-deb-'));
try {
  const home = join(stage, 'usr/lib/tunnel');
  mkdirSync(home, { recursive: true });
  for (const name of ['bin', 'dist', 'package.json', 'package-lock.json', 'oclif.manifest.json']) {
    cpSync(join(root, name), join(home, name), { recursive: true, filter: (source) => !source.endsWith('.deb') });
  }
  execFileSync('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] });
  cpSync(process.execPath, join(home, 'node'));
  writeScript(join(stage, 'usr/bin/tunnel'), '#!/bin/sh\nexec /usr/lib/tunnel/node /usr/lib/tunnel/bin/run.js "$@"\n');

  const copyright = join(stage, 'usr/share/doc/tunnel');
  mkdirSync(copyright, { recursive: true });
  cpSync(join(root, 'LICENSE'), join(copyright, 'copyright'));
  for (const page of globSync('man/*', { cwd: root })) {
    const folder = join(stage, `usr/share/man/man${page.at(-1)}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${basename(page)}.gz`), gzipSync(readFileSync(join(root, page)), { level: 9 }));
  }

  for (const [shell, file] of [
    ['bash', 'usr/share/bash-completion/completions/tunnel'],
    ['zsh', 'usr/share/zsh/vendor-completions/_tunnel'],
    ['fish', 'usr/share/fish/vendor_completions.d/tunnel.fish'],
  ] as const) {
    mkdirSync(dirname(join(stage, file)), { recursive: true });
    writeFileSync(join(stage, file), execFileSync(process.execPath, [join(root, 'bin/run.js'), 'completion', shell]));
  }

  const installed = Math.ceil(Number(execFileSync('du', ['-sk', stage], { encoding: 'utf8' }).split('\t')[0]));
  mkdirSync(join(stage, 'DEBIAN'));
  writeFileSync(
    join(stage, 'DEBIAN/control'),
    [
      'Package: tunnel',
      `Version: ${version}`,
      `Architecture: ${architecture}`,
      'Maintainer: tunnel maintainers <maintainers@tunnel.invalid>',
      `Installed-Size: ${installed}`,
      'Depends: libc6 (>= 2.34), libstdc++6',
      'Recommends: systemd',
      'Section: net',
      'Priority: optional',
      `Description: ${description}`,
      '',
    ].join('\n'),
  );
  for (const script of ['postinst', 'prerm']) cpSync(join(root, 'scripts/deb', script), join(stage, 'DEBIAN', script));
  const file = join(root, 'dist', `tunnel_${version}_${architecture}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z1', '--build', stage, file], { stdio: ['ignore', 'ignore', 'inherit'] });
  console.log(file);
} finally {
  rmSync(stage, { recursive: true });
}

function writeScript(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}
