// The completion script for bash 3.2 and newer. It needs nothing beside bash.
import type { Choice, Tables } from './tables.ts';

export function bashScript({ next, flags, takes }: Tables): string {
  return `# bash completion of tunnel; tunnel completion bash prints it.
${table('_tunnel_next', words(next))}
${table('_tunnel_flags', words(flags))}
${table('_tunnel_takes', takes)}

_tunnel() {
  local cur=\${COMP_WORDS[COMP_CWORD]} id= flag= word= takes= words= count=0 i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == = ]]; then continue; fi # --flag=value comes as three words
    if [[ $word == -- ]]; then COMPREPLY=($(compgen -f -- "$cur")); return; fi
    if [[ -n $flag ]]; then flag=
    elif [[ $word == -* ]]; then [[ -n $(_tunnel_takes "$id $word") ]] && flag=$word
    elif [[ -n $(_tunnel_next "\${id:+$id }$word")$(_tunnel_flags "\${id:+$id }$word") ]]; then id="\${id:+$id }$word"
    else count=$((count + 1)); fi
  done
  [[ $cur == = ]] && cur=
  if [[ -n $flag ]]; then takes=$(_tunnel_takes "$id $flag")
  elif [[ $cur == -* ]]; then words=$(_tunnel_flags "$id")
  else
    [[ $count == 0 ]] && words=$(_tunnel_next "$id")
    takes=$(_tunnel_takes "$id $((count + 1))")
    [[ -z $takes ]] && takes=$(_tunnel_takes "$id ...")
  fi
  case $takes in
    @files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    @folders) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")) ;;
    @any) ;;
    @*) words="$words $(tunnel complete "\${takes#@}" 2>/dev/null)" ;;
    *) words="$words $takes" ;;
  esac
  [[ -n $words ]] && COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
complete -F _tunnel tunnel
`;
}

function words(choices: ReadonlyMap<string, readonly Choice[]>): Map<string, string> {
  return new Map([...choices].map(([key, list]) => [key, list.map(([word]) => word).join(' ')]));
}

function table(name: string, entries: ReadonlyMap<string, string>): string {
  const lines = [...entries].map(([key, value]) => `    '${key}') echo '${value}' ;;`);
  return `${name}() {\n  case $1 in\n${lines.join('\n')}\n  esac\n}`;
}
