// Results of smoke tests as JUnit XML, which every CI system reads.
import { escapeXml } from '../../base/escape.ts';
import type { CheckResult } from './run.ts';

export function junit(results: readonly CheckResult[]): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(3);
  const cases = results.map(({ name, target, ms, passed, reason, code }) => {
    const open = `  <testcase name="${escapeXml(name)}" classname="${escapeXml(target)}" time="${seconds(ms)}"`;
    return passed ? `${open}/>` : `${open}>\n    <failure type="${escapeXml(code ?? 'unexpected')}" message="${escapeXml(reason ?? '')}"/>\n  </testcase>`;
  });
  const failures = results.filter(({ passed }) => !passed).length;
  const total = results.reduce((sum, { ms }) => sum + ms, 0);
  const suite = `<testsuite name="tunnel check" tests="${results.length}" failures="${failures}" errors="0" skipped="0" time="${seconds(total)}">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', suite, ...cases, '</testsuite>', ''].join('\n');
}
