# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the scripts need to know about the Debian they run on. Sourced, never run.

# As root, directly or through sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

debian_codename() {
	(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:?no VERSION_CODENAME in /etc/os-release}")
}

# The machine's own Debian archives as sources.list lines. apt does the parsing, so deb822 and one-line
# files both count; archives of others (their suites and keys mean nothing in a fresh root) stay out.
debian_sources() {
	local suite keyring line
	suite=$(debian_codename)
	for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg} ''; do
		[ -z "$keyring" ] || [ ! -e "$keyring" ] || break
	done
	line=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
		awk -v suite="$suite" -v opt="${keyring:+[signed-by=$keyring] }" '
			$1 == "Debian" && $4 == "main" && $3 ~ "^" suite "(-updates|-security)?$" {
				print "deb " opt $2, $3, $4 }' | sort -u)
	[ -n "$line" ] || {
		echo "no Debian archive for $suite is known to apt here; run apt-get update first" >&2
		return 1
	}
	printf '%s\n' "$line"
}

# How this machine reaches its archives (proxy, date checks), for tools that ignore its apt.conf.
debian_apt_options() {
	apt-config dump | grep -E '^Acquire::(Check-(Valid-Until|Date)|https?::Proxy[^ ]*) ' || true
}

# Debian 12's backports, from the same archive, as a sources.list line; nothing on a newer release.
debian_backports() {
	local suite
	suite=$(debian_codename)
	[ "$suite" != bookworm ] || debian_sources | sed -n "s/ $suite main\$/ $suite-backports main/p"
}

# The packages that the files name, one a line. NAME/newer: only from Debian 13 on.
debian_packages() {
	local newer='s,/newer$,,'
	[ "$(debian_codename)" != bookworm ] || newer='\,/newer$,d'
	sed "/^#/d; $newer" "$@"
}
