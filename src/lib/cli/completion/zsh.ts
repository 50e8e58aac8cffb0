// The completion script for zsh: as a file _tunnel in $fpath, or sourced after compinit.
import type { Choice, Tables } from './tables.ts';

export function zshScript({ next, flags, takes }: Tables): string {
  return `#compdef tunnel
# zsh completion of tunnel; tunnel completion zsh prints it.
${table('_tunnel_next', next)}
${table('_tunnel_flags', flags)}
_tunnel_takes() {
  case $1 in
${[...takes].map(([key, value]) => `    ${quote(key)}) print -r -- ${quote(value)} ;;`).join('\n')}
  esac
}

_tunnel() {
  local cur=\${words[CURRENT]} id= flag= word= takes=
  local -a said
  integer count=0 i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ $word == -- ]]; then _files; return; fi
    if [[ -n $flag ]]; then flag=
    elif [[ $word == -* ]]; then [[ -n $(_tunnel_takes "$id $word") ]] && flag=$word
    elif [[ -n $(_tunnel_next "\${id:+$id }$word")$(_tunnel_flags "\${id:+$id }$word") ]]; then id="\${id:+$id }$word"
    else ((count++)); fi
  done
  if [[ -z $flag && $cur == --*=* ]]; then flag=\${cur%%=*}; compset -P '*='; fi
  if [[ -n $flag ]]; then takes=$(_tunnel_takes "$id $flag")
  elif [[ $cur == -* ]]; then
    said=("\${(@f)$(_tunnel_flags "$id")}")
    _describe -o 'flag' said
    return
  else
    said=("\${(@f)$(_tunnel_next "$id")}")
    [[ $count == 0 && -n $said[1] ]] && _describe 'command' said
    takes=$(_tunnel_takes "$id $((count + 1))")
    [[ -z $takes ]] && takes=$(_tunnel_takes "$id ...")
  fi
  case $takes in
    @files) _files ;;
    @folders) _files -/ ;;
    '' | @any) ;;
    @*) compadd -- \${(f)"$(tunnel complete "\${takes#@}" 2>/dev/null)"} ;;
    *) compadd -- \${=takes} ;;
  esac
}

if [[ $funcstack[1] == _tunnel ]]; then _tunnel "$@"; else compdef _tunnel tunnel; fi
`;
}

function table(name: string, entries: ReadonlyMap<string, readonly Choice[]>): string {
  const lines = [...entries].map(([key, list]) => `    ${quote(key)}) print -rl -- ${list.map(described).join(' ')} ;;`);
  return `${name}() {\n  case $1 in\n${lines.join('\n')}\n  esac\n}`;
}

function described([word, about]: Choice): string {
  return quote(`${word}:${about.replaceAll(':', '\\:')}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
