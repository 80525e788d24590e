# bash completion for tsrun; needs bash 4.4, and nothing of the package bash-completion.

_tsrun() {
  COMPREPLY=()
  # Readline splits words at characters such as = and : (COMP_WORDBREAKS). What is not apart in the line belongs together.
  local rest=${COMP_LINE#*"${COMP_WORDS[0]}"} words=() word i
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $rest == [[:blank:]]* || ${#words[@]} -eq 0 ]]; then
      words+=("$word")
    else
      words[-1]+=$word
    fi
    rest=${rest#*"$word"}
  done
  # The word ends at the cursor.
  local behind=${COMP_LINE:COMP_POINT}
  local current=${words[-1]%"${behind%%[[:blank:]]*}"}
  words[-1]=$current

  local lines
  mapfile -t lines < <("${COMP_WORDS[0]/#\~/$HOME}" __complete -- "${words[@]}" 2>/dev/null)
  [[ ${#lines[@]} -gt 0 ]] || return 0
  local bits=${lines[-1]#:}
  unset 'lines[-1]'

  # For readline the word begins after its last = or :.
  local known=
  if [[ $current == *[=:]* ]]; then known=${current%"${current##*[=:]}"}; fi
  if ((bits & 2)); then compopt -o nospace; fi
  if ((bits & 16)); then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -d -- "${current#"$known"}")
    return 0
  fi
  if ! ((bits & 4)); then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "${current#"$known"}")
  fi

  # Several are listed with their notes. Readline inserts what they have in common, which ends before the notes begin.
  local line width=0 tab=$'\t' columns=${COLUMNS:-80}
  for line in "${lines[@]}"; do
    word=${line%%"$tab"*}
    ((${#word} <= width)) || width=${#word}
  done
  for line in "${lines[@]}"; do
    word=${line%%"$tab"*}
    # 37 and 42: menu-complete and insert-completions insert one after the other (COMP_TYPE in bash(1)).
    if [[ ${#lines[@]} -gt 1 && $word != "$line" && $COMP_TYPE != 37 && $COMP_TYPE != 42 ]]; then
      printf -v line '%-*s  (%s)' "$width" "$word" "${line#*"$tab"}"
      ((${#line} <= columns - 4)) || line=${line:0:columns-5}…
      COMPREPLY+=("${line#"$known"}")
    else
      COMPREPLY+=("${word#"$known"}")
    fi
  done
}

complete -F _tsrun tsrun
