// Results of smoke tests as JUnit XML, which every CI system reads.
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

/** XML 1.0 has no place for most control characters, not even escaped (XML 1.0, 2.2). */
function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is left out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/g, '?').replace(/[&<>"]/g, (each) => entities[each] ?? each);
}
