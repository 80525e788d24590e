# fish completion for tsrun

function __tsrun_complete
    # The words before the cursor, and what is written of the one at it.
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l program $words[1]
    set --erase words[1]
    set -l lines ($program __complete -- $words "$current" 2>/dev/null)
    set -l bits (string replace : '' -- $lines[-1])
    string match --quiet --regex '^\d+$' -- "$bits"; or return
    set --erase lines[-1]

    printf '%s\n' $lines
    if test (math "bitand($bits, 16)") -ne 0
        __fish_complete_directories (string replace --regex '^--[^=]*=' '' -- $current)
    else if test (math "bitand($bits, 4)") -eq 0
        __fish_complete_path (string replace --regex '^--[^=]*=' '' -- $current)
    end
end

complete --command tsrun --erase
complete --command tsrun --no-files --keep-order --arguments '(__tsrun_complete)'
