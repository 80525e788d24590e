#compdef tsrun
# zsh completion for tsrun: source it after compinit, or save it as _tsrun in a folder of $fpath.

_tsrun() {
  local -a lines candidates
  local line word note tab=$'\t'
  integer bits
  # The words as the shell would hand them over, the last one up to the cursor.
  lines=("${(@f)$("${(Q)~words[1]}" __complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  [[ $lines[-1] == :<-> ]] || return 1
  bits=${lines[-1]#:}
  lines[-1]=()

  for line in "${(@)lines}"; do
    word=${line%%$tab*}
    # _describe takes what follows the first colon for the note.
    candidates+=("${word//:/\\:}${${line#$word}/#$tab/:}")
  done
  local -a spacing
  if ((bits & 2)); then spacing=(-S ''); fi

  local found=1
  # -V: in the order that they are in.
  if (($#candidates)); then _describe -V completions candidates "$spacing[@]" && found=0; fi
  if ((bits & 16)); then
    compset -P '*='
    _files -/ && found=0
  elif ! ((bits & 4)); then
    compset -P '*='
    _files && found=0
  fi
  return found
}

if [[ $funcstack[1] == _tsrun ]]; then
  _tsrun "$@"
else
  compdef _tsrun tsrun
fi
