// The completion script for fish.
import type { Choice, Tables } from './tables.ts';

export function fishScript({ next, flags, takes }: Tables): string {
  return `# fish completion of tunnel; tunnel completion fish prints it.
${table('__tunnel_next', next)}
${table('__tunnel_flags', flags)}
function __tunnel_takes
  switch "$argv[1]"
${[...takes].map(([key, value]) => `    case ${quote(key)}\n      echo ${quote(value)}`).join('\n')}
  end
end

function __tunnel_candidates
  set -l given (commandline -opc)
  set -e given[1]
  set -l cur (commandline -ct)
  set -l id ''
  set -l flag ''
  set -l count 0
  for word in $given
    set -l longer (string trim -- "$id $word")
    if test -n "$flag"
      set flag ''
    else if string match -q -- '-*' $word
      test -n "$(__tunnel_takes "$id $word")"; and set flag $word
    else if test -n "$(__tunnel_next $longer; __tunnel_flags $longer)"
      set id $longer
    else
      set count (math $count + 1)
    end
  end
  set -l prefix ''
  if test -z "$flag"; and string match -q -- '--*=*' $cur
    set flag (string replace -r '=.*' '' -- $cur)
    set prefix "$flag="
  end
  set -l takes ''
  if test -n "$flag"
    set takes (__tunnel_takes "$id $flag")
  else if string match -q -- '-*' $cur
    __tunnel_flags $id
  else
    test $count = 0; and __tunnel_next $id
    set takes (__tunnel_takes "$id "(math $count + 1))
    test -z "$takes"; and set takes (__tunnel_takes "$id ...")
  end
  switch "$takes"
    case @files
      __fish_complete_path (string replace -- "$prefix" '' $cur)
    case @folders
      __fish_complete_directories (string replace -- "$prefix" '' $cur) ''
    case '' @any
    case '@*'
      for value in (tunnel complete (string sub -s 2 -- $takes) 2>/dev/null)
        echo $prefix$value
      end
    case '*'
      for value in (string split ' ' -- $takes)
        echo $prefix$value
      end
  end
end

complete -c tunnel -f -a '(__tunnel_candidates)'
`;
}

function table(name: string, entries: ReadonlyMap<string, readonly Choice[]>): string {
  const cases = [...entries].map(
    ([key, list]) => `    case ${quote(key)}\n      printf '%s\\n' ${list.map(([word, about]) => quote(`${word}\t${about}`)).join(' ')}`,
  );
  return `function ${name}\n  switch "$argv[1]"\n${cases.join('\n')}\n  end\nend`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
