# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for kvmhostctl(1)

_kvmhostctl_guests() {
	kvmhostctl --json guest list 2>/dev/null | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p'
}

# What is under management; only root can read the record.
_kvmhostctl_resources() {
	grep -o '"[a-z]*/[^"]*":' /var/lib/kvmhost/record.json 2>/dev/null | sed 's/^"//; s/":$//'
}

_kvmhostctl_keys() {
	kvmhostctl explain --list 2>/dev/null | awk '{ print $1 }'
}

_kvmhostctl_devices() {
	kvmhostctl devices 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_kvmhostctl_checks() {
	kvmhostctl doctor --list 2>/dev/null
}

# Words with : or = in them (0000:41:00.0, cmdline/iommu=pt), at which readline begins new ones.
_kvmhostctl_offer() {
	local whole=${COMP_LINE:0:COMP_POINT} cut

	whole=${whole##*[[:blank:]]}
	cut=${whole%"${whole##*[:=]}"}
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$whole")
	COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}

# The verb and what follows it, without options and their values.
_kvmhostctl_words() {
	local i skip=
	words_only=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ $skip ]]; then
			skip=
			continue
		fi
		case ${COMP_WORDS[i]} in
		--config | -c | --root | --confirm) skip=1 ;;
		-* | =) ;;
		*) words_only+=("${COMP_WORDS[i]}") ;;
		esac
	done
}

_kvmhostctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words_only
	local options='--config --root --json --no-color --help --version'

	case $prev in
	--config | -c)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames
		return
		;;
	--confirm)
		return
		;;
	--root)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		compopt -o filenames
		return
		;;
	esac
	_kvmhostctl_words
	if [[ $cur == -* ]]; then
		case ${words_only[0]-} in
		apply | rollback) options+=' --allow-mass-removal --confirm' ;;
		check) options+=' --merged' ;;
		devices) options+=' --tree' ;;
		doctor | explain) options+=' --list' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi
	case ${#words_only[@]}:${words_only[0]-} in
	0:*)
		mapfile -t COMPREPLY < <(compgen -W 'check plan apply confirm revert reload status history diff rollback devices topology doctor explain schema export
			guest import console' -- "$cur")
		;;
	*:check | *:diff)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames
		;;
	1:import) mapfile -t COMPREPLY < <(compgen -W libvirt -- "$cur") ;;
	*:import)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames
		;;
	*:devices) _kvmhostctl_offer "$(_kvmhostctl_devices)" ;;
	*:status) _kvmhostctl_offer "$(_kvmhostctl_resources)" ;;
	1:explain) mapfile -t COMPREPLY < <(compgen -W "$(_kvmhostctl_keys)" -- "$cur") ;;
	1:guest) mapfile -t COMPREPLY < <(compgen -W 'list info start stop restart pause resume reset screenshot monitor' -- "$cur") ;;
	*:export) mapfile -t COMPREPLY < <(compgen -W virt-who -- "$cur") ;;
	*:doctor) mapfile -t COMPREPLY < <(compgen -W "$(_kvmhostctl_checks)" -- "$cur") ;;
	1:console) mapfile -t COMPREPLY < <(compgen -W "$(_kvmhostctl_guests)" -- "$cur") ;;
	*:guest)
		if [[ ${words_only[1]} != list ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_kvmhostctl_guests)" -- "$cur")
		fi
		;;
	esac
}
complete -F _kvmhostctl kvmhostctl
