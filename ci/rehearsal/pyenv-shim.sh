#!/bin/sh
# Runs the program of the Python that pyenv would choose: PYENV_VERSION's, else the one of the nearest
# .python-version, else the global one. As pyenv does, it says what is selected but not installed; as
# pyenv before 2.5.0 does, it then runs nothing.
root=@ROOT@
program=${0##*/}
selected=$PYENV_VERSION
origin='PYENV_VERSION environment variable'
if [ -z "$selected" ]; then
    folder=$PWD
    while [ -n "$folder" ] && [ ! -f "$folder/.python-version" ]; do
        folder=${folder%/*}
    done
    origin=$folder/.python-version
    [ -f "$origin" ] || origin=$root/version
    selected=$(tr -s ' \r\n' ':' <"$origin")
fi
found=
resolved=
IFS=:
for version in $selected; do
    for folder in "$root/versions/$version" "$root/versions/$version".*; do
        [ -d "$folder" ] && break
    done
    if [ -d "$folder" ]; then
        resolved=$resolved${resolved:+:}${folder##*/}
        [ -z "$found" ] && [ -x "$folder/bin/$program" ] && found=$folder/bin
    else
        absent="pyenv: version \`$version' is not installed (set by $origin)"
        case '@PYENV@' in
            2.4.20) echo "$absent" >&2 && exit 1 ;;
        esac
    fi
done
unset IFS
if [ -z "$found" ]; then
    [ -z "$absent" ] || echo "$absent" >&2
    echo "pyenv: $program: command not found" >&2
    exit 127
fi
PYENV_ROOT=$root PYENV_VERSION=$resolved PATH=$found:$PATH
export PYENV_ROOT PYENV_VERSION PATH
exec "$found/$program" "$@"
