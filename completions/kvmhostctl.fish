# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for kvmhostctl(1)

set -g __kvmhostctl_verbs check plan apply confirm revert reload status history diff rollback devices topology doctor explain schema export guest import console

function __kvmhostctl_guests
    kvmhostctl --json guest list 2>/dev/null | string replace -rf '.*"name": *"([^"]*)".*' '$1'
end

# What is under management; only root can read the record.
function __kvmhostctl_resources
    test -r /var/lib/kvmhost/record.json
    and grep -o '"[a-z]*/[^"]*":' /var/lib/kvmhost/record.json | string trim -c '":'
end

function __kvmhostctl_keys
    kvmhostctl explain --list 2>/dev/null | string match -r '^\S+'
end

function __kvmhostctl_no_verb
    not __fish_seen_subcommand_from $__kvmhostctl_verbs
end

complete -c kvmhostctl -f
complete -c kvmhostctl -s c -l config -r -F -d 'File or directory to read'
complete -c kvmhostctl -l root -x -a '(__fish_complete_directories)' -d 'Work on the files of an image'
complete -c kvmhostctl -l json -d 'Print JSON'
complete -c kvmhostctl -l no-color -d 'Print no colors'
complete -c kvmhostctl -s h -l help -d 'Print a summary'
complete -c kvmhostctl -l version -d 'Print the version'

complete -c kvmhostctl -n __kvmhostctl_no_verb -a check -d 'Validate; nothing is changed'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a plan -d 'What apply would do, and why'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a apply -d 'Do what plan shows'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a reload -d 'Have kvmhostd converge now, and wait'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a status -d 'How the host is'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a confirm -d 'Keep what apply --confirm changed'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a revert -d 'Put it back'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a history -d 'Documents applied so far'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a diff -d 'What two documents say differently'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a rollback -d 'An earlier document once more'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a devices -d 'PCI devices, who uses them, what guests can have'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a topology -d 'Processors, NUMA nodes, caches, who is pinned where'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a export -d 'Host and guests as others read them'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a doctor -d 'Whether this machine is fit to be a host'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a explain -d 'What a key means'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a schema -d 'JSON Schema for editors'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a guest -d 'What runs; start and stop by hand'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a import -d 'Domains of libvirt as YAML'
complete -c kvmhostctl -n __kvmhostctl_no_verb -a console -d 'Serial console of a guest'

complete -c kvmhostctl -n '__fish_seen_subcommand_from check' -F
complete -c kvmhostctl -n '__fish_seen_subcommand_from check' -l merged -d 'Print the merged document'
complete -c kvmhostctl -n '__fish_seen_subcommand_from apply rollback' -l allow-mass-removal \
    -d 'Also release most of what was named before'
complete -c kvmhostctl -n '__fish_seen_subcommand_from status' -a '(__kvmhostctl_resources)'
complete -c kvmhostctl -n '__fish_seen_subcommand_from explain' -l list -d 'Every key'
complete -c kvmhostctl -n '__fish_seen_subcommand_from doctor' -l list -d 'Every check'
complete -c kvmhostctl -n '__fish_seen_subcommand_from diff' -F
complete -c kvmhostctl -n '__fish_seen_subcommand_from import; and not __fish_seen_subcommand_from libvirt' -a libvirt
complete -c kvmhostctl -n '__fish_seen_subcommand_from libvirt' -F
complete -c kvmhostctl -n '__fish_seen_subcommand_from explain' -a '(__kvmhostctl_keys)'
complete -c kvmhostctl -n '__fish_seen_subcommand_from devices' -l tree -d 'By IOMMU group'
complete -c kvmhostctl -n '__fish_seen_subcommand_from devices' \
    -a "(kvmhostctl devices 2>/dev/null | awk 'NR > 1 { print \$1 }')"
complete -c kvmhostctl -n '__fish_seen_subcommand_from export' -a virt-who
complete -c kvmhostctl -n '__fish_seen_subcommand_from doctor' -a '(kvmhostctl doctor --list 2>/dev/null)'
complete -c kvmhostctl -n '__fish_seen_subcommand_from guest; and not __fish_seen_subcommand_from list info start stop restart pause resume reset screenshot monitor' \
    -a 'list info start stop restart pause resume reset screenshot monitor'
complete -c kvmhostctl -n '__fish_seen_subcommand_from guest; and __fish_seen_subcommand_from info start stop restart pause resume reset screenshot monitor' \
    -a '(__kvmhostctl_guests)'
complete -c kvmhostctl -n '__fish_seen_subcommand_from console' -a '(__kvmhostctl_guests)'
complete -c kvmhostctl -n '__fish_seen_subcommand_from apply rollback' -l confirm -x -d 'Put network changes back unless confirmed in time'
