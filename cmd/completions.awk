# completions.awk: what the tools' usage says, as completions for a shell.
#
#   for t in dopt*; do $t -h; done | awk -v shell=bash|zsh|fish -f completions.awk
#
# Alternatives (a|b) and words are offered as they are; where one tool only names them (--method METHOD), as
# another spells them out. FILE, OUT, DIR, PARAM, MODEL, LIST and names with a dot are files. Anything else is
# the user's to write.
# SPDX-License-Identifier: Apache-2.0

# Option `name` of the current tool with the argument `arg` ("" if it takes none).
function add(name, arg,    key) {
    key = tool " " name
    if (key in seen)
        return
    seen[key] = 1
    n++
    of[n] = tool
    opt[n] = name
    takes[n] = arg != ""
    words[n] = arg ~ /\|/ || arg ~ /^[a-z][a-z]+$/ ? arg : ""
    gsub(/\|/, " ", words[n])
    if (words[n] != "")
        spelled[name] = words[n]
    file[n] = arg ~ /^(FILE|OUT|DIR|PARAM|MODEL|LIST)$/ || arg ~ /[a-zA-Z]\.[a-z]/
}

# Whether the word after an option is its argument.
function argument(word) {
    return word ~ /^(-|\||\]|$|\.\.\.)/ ? "" : word
}

/^usage: / { tool = $2; tools[++ntools] = tool }
/^( +|usage: )dopt/ { sub(/^(usage:)? *[a-z-]+/, "") }
{
    gsub(/\[/, " ")
    gsub(/\]/, " ] ")
    gsub(/\|--/, " --")
    k = split($0, word, / +/)
    for (i = 1; i <= k; i++) {
        if (word[i] ~ /^--[a-z]/ || word[i] ~ /^-[A-Za-z0]$/)
            add(word[i], argument(i < k ? word[i + 1] : ""))
        else if (word[i] ~ /^-[A-Za-z0][A-Za-z]+$/)
            for (j = 2; j <= length(word[i]); j++)
                add("-" substr(word[i], j, 1), "")
    }
}

function bash(    t, i, all) {
    print "# bash completion for dopt; made from the tools' usage."
    print "_dopt() {"
    print "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} tool=${1##*/}"
    print "    COMPREPLY=()"
    print "    case \"$tool $prev\" in"
    for (i = 1; i <= n; i++)
        if (words[i] != "")
            printf "    \"%s %s\") mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\"); return ;;\n", of[i], opt[i], words[i]
        else if (takes[i] && !file[i])
            printf "    \"%s %s\") compopt +o default +o bashdefault; return ;;\n", of[i], opt[i]
        else if (takes[i])
            printf "    \"%s %s\") return ;;\n", of[i], opt[i]
    print "    esac"
    print "    [[ $cur == -* ]] || return"
    print "    case $tool in"
    for (t = 1; t <= ntools; t++) {
        all = ""
        for (i = 1; i <= n; i++)
            if (of[i] == tools[t])
                all = all " " opt[i]
        printf "    %s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\") ;;\n", tools[t], substr(all, 2)
    }
    print "    esac"
    print "}"
    printf "complete -o bashdefault -o default -F _dopt"
    for (t = 1; t <= ntools; t++)
        printf " %s", tools[t]
    print ""
}

function zsh(    t, i) {
    printf "#compdef"
    for (t = 1; t <= ntools; t++)
        printf " %s", tools[t]
    print "\n# zsh completion for dopt; made from the tools' usage."
    print "case $service in"
    for (t = 1; t <= ntools; t++) {
        printf "%s)\n    _arguments -s", tools[t]
        for (i = 1; i <= n; i++)
            if (of[i] == tools[t])
                printf " \\\n        '*%s%s'", opt[i],
                    words[i] != "" ? ":value:(" words[i] ")" : file[i] ? ":file:_files" : takes[i] ? ":value: " : ""
        print " \\\n        '*:file:_files' ;;"
    }
    print "esac"
}

function fish(    i, name) {
    print "# fish completion for dopt; made from the tools' usage."
    for (i = 1; i <= n; i++) {
        name = opt[i]
        sub(/^-+/, "", name)
        printf "complete -c %s -%s %s%s\n", of[i], opt[i] ~ /^--/ ? "l" : "s", name,
            words[i] != "" ? " -x -a '" words[i] "'" : file[i] ? " -r" : takes[i] ? " -x" : ""
    }
}

END {
    for (i = 1; i <= n; i++)
        if (takes[i] && words[i] == "" && !file[i] && opt[i] in spelled)
            words[i] = spelled[opt[i]]
    if (shell == "bash")
        bash()
    else if (shell == "zsh")
        zsh()
    else
        fish()
}
