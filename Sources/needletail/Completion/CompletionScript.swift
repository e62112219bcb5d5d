/// Scripts that hand the words of a command line to `needletail complete-words`.
enum CompletionScript {
    /// Words are taken from the line itself, because bash cuts them at `=`, `(`, `:` and quotes; what it has cut off is
    /// taken from the candidates again. `-` as the only candidate means files.
    static let bash = #"""
        # Completion of needletail in bash. Use: source <(needletail completion bash)
        _needletail() {
            local line="${COMP_LINE:0:COMP_POINT}" words=() word="" quote="" char i started=0
            for ((i = 0; i < ${#line}; i++)); do
                char="${line:i:1}"
                if [[ -n "$quote" ]]; then
                    if [[ "$char" == "$quote" ]]; then quote=""; else word+="$char"; fi
                elif [[ "$char" == "'" || "$char" == '"' ]]; then
                    quote="$char"; started=1
                elif [[ "$char" == "\\" ]]; then
                    ((i++)); word+="${line:i:1}"; started=1
                elif [[ "$char" == " " || "$char" == $'\t' ]]; then
                    if ((started)); then words+=("$word"); word=""; started=0; fi
                else
                    word+="$char"; started=1
                fi
            done
            words+=("$word")
            local program="${words[0]}" candidate candidates=() cut="" current="${COMP_WORDS[COMP_CWORD]}"
            # In an open quote readline takes all behind the quote for one word.
            if [[ -z "$quote" ]]; then
                case "$current" in "="|":"|"("|"<"|">"|"|"|"&"|";"|"=~"|"!~") current="" ;; esac
                current="${current#[\'\"]}"
                [[ -n "$current" && "$word" == *"$current" ]] && cut="${word%"$current"}"
                [[ -z "$current" ]] && cut="$word"
            fi
            while IFS= read -r candidate; do
                candidates+=("${candidate%%$'\t'*}")
            done < <("$program" complete-words -- "${words[@]:1}" 2>/dev/null)
            if [[ "${#candidates[@]}" == 1 && "${candidates[0]}" == "-" ]]; then
                compopt -o default 2>/dev/null
                COMPREPLY=()
                return
            fi
            COMPREPLY=()
            for candidate in "${candidates[@]}"; do
                candidate="${candidate#"$cut"}"
                if [[ -z "$quote" ]]; then printf -v candidate '%q' "$candidate"; fi
                COMPREPLY+=("$candidate")
            done
            # What goes on behind it is for the writer to say.
            if [[ "${#COMPREPLY[@]}" == 1 && "${COMPREPLY[0]}" == *[\(\"={] ]]; then compopt -o nospace 2>/dev/null; fi
        }
        complete -F _needletail needletail

        """#

    static let zsh = #"""
        #compdef needletail
        # Completion of needletail in zsh. Use: source <(needletail completion zsh)
        _needletail() {
            local line candidate current="${words[CURRENT]}" quote="" end=""
            local -a whole shown texts
            case "$current" in
                \'*|\"*) quote="${current[1]}"; current="${current[2,-1]}" ;;
                *) current="${(Q)current}" ;;
            esac
            local -a before
            before=("${(@Q)words[2,CURRENT-1]}")
            for line in "${(@f)$("${words[1]}" complete-words -- "${before[@]}" "$current" 2>/dev/null)}"; do
                [[ -z "$line" ]] && continue
                candidate="${line%%$'\t'*}"
                whole+=("$candidate")
                if [[ "$line" == *$'\t'* ]]; then shown+=("$candidate -- ${line#*$'\t'}"); else shown+=("$candidate"); fi
            done
            if [[ "${#whole}" == 1 && "${whole[1]}" == "-" ]]; then
                _files
                return
            fi
            (( ${#whole} )) || return 1
            for candidate in "${whole[@]}"; do
                if [[ -n "$quote" ]]; then texts+=("$quote$candidate"); else texts+=("${(q)candidate}"); fi
            done
            end=" "
            [[ -n "$quote" || "${whole[1]}" == *[\(\"=\{] ]] && end=""
            compadd -U -Q -S "$end" -d shown -a texts
        }
        if [[ "${funcstack[1]}" == "_needletail" ]]; then
            _needletail "$@"
        else
            (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
            compdef _needletail needletail
        fi

        """#

    static let fish = #"""
        # Completion of needletail in fish. Use: needletail completion fish | source
        function __needletail_complete
            set -l words (commandline -opc)
            set -l current (commandline -ct)
            set -l plain (string replace -r '^[\'"]' '' -- $current)
            set -l found ($words[1] complete-words -- $words[2..-1] "$plain" 2>/dev/null)
            if test (count $found) -eq 1; and test "$found[1]" = -
                __fish_complete_path $plain
                return
            end
            printf '%s\n' $found
        end
        complete -c needletail -f -a '(__needletail_complete)'

        """#
}
